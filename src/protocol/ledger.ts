/**
 * Replays the money of a chain from its events: every coin that moves leaves a `transfer`, `coinbase` or `burn` event, so
 * genesis balances and events give every balance to the last uremes, without asking the bank.
 */
import { moduleAddress } from './address.js';
import { DENOM, parseAmount } from './coins.js';
import { InvalidInputError } from './errors.js';

export interface MoneyEvent {
  readonly type: string;
  readonly attributes: readonly { readonly key: string; readonly value: string }[];
}

/** Why money came to an account (positive) or left it (negative). */
export type Flow = 'fees' | 'stake' | 'bonds' | 'rewards' | 'burned' | 'transfers';

const COUNTERPARTIES: Readonly<Record<string, Flow>> = {
  [moduleAddress('fee_collector')]: 'fees',
  [moduleAddress('node')]: 'stake',
  [moduleAddress('challenge')]: 'bonds',
};

function amountOf(text: string): bigint {
  if (!text.endsWith(DENOM)) throw new InvalidInputError(`expected an amount in ${DENOM}, got ${JSON.stringify(text.slice(0, 80))}`);
  return parseAmount(text.slice(0, -DENOM.length));
}

export class Ledger {
  readonly #balances = new Map<string, bigint>();
  readonly #flows = new Map<string, Map<Flow, bigint>>();
  #minted = 0n;
  #burned = 0n;

  /** @param genesis balances at genesis, in uremes. */
  constructor(genesis: Iterable<readonly [address: string, amount: bigint]>) {
    for (const [address, amount] of genesis) this.#balances.set(address, amount);
  }

  apply(event: MoneyEvent): void {
    const attribute = (key: string): string => event.attributes.find((a) => a.key === key)?.value ?? '';
    switch (event.type) {
      case 'transfer': {
        const [from, to, amount] = [attribute('sender'), attribute('recipient'), amountOf(attribute('amount'))];
        this.#move(from, -amount, COUNTERPARTIES[to] ?? 'transfers');
        this.#move(to, amount, COUNTERPARTIES[from] ?? 'transfers');
        return;
      }
      case 'coinbase': {
        const amount = amountOf(attribute('amount'));
        this.#minted += amount;
        this.#move(attribute('minter'), amount, 'rewards');
        return;
      }
      case 'burn': {
        const amount = amountOf(attribute('amount'));
        this.#burned += amount;
        this.#move(attribute('burner'), -amount, 'burned');
        return;
      }
      default:
    }
  }

  #move(address: string, amount: bigint, flow: Flow): void {
    this.#balances.set(address, this.balance(address) + amount);
    const flows = this.#flows.get(address) ?? new Map<Flow, bigint>();
    flows.set(flow, (flows.get(flow) ?? 0n) + amount);
    this.#flows.set(address, flows);
  }

  balance(address: string): bigint {
    return this.#balances.get(address) ?? 0n;
  }

  /** Sum of what came and went for this reason. */
  flow(address: string, flow: Flow): bigint {
    return this.#flows.get(address)?.get(flow) ?? 0n;
  }

  get addresses(): string[] {
    return [...this.#balances.keys()].sort();
  }

  get supply(): bigint {
    return [...this.#balances.values()].reduce((sum, amount) => sum + amount, 0n);
  }

  get minted(): bigint {
    return this.#minted;
  }

  get burned(): bigint {
    return this.#burned;
  }
}
