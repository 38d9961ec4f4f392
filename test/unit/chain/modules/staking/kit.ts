/** A staking module on an empty state, with accounts that hold coins, and blocks that end. */
import type { ExecutionContext } from '../../../../../src/chain/app/context.js';
import { AccountKeeper } from '../../../../../src/chain/modules/auth/index.js';
import { BankKeeper } from '../../../../../src/chain/modules/bank/index.js';
import { History } from '../../../../../src/chain/modules/staking/history.js';
import { StakingKeeper, brokenStakingInvariants } from '../../../../../src/chain/modules/staking/index.js';
import { defaultStakingParams } from '../../../../../src/chain/modules/staking/params.js';
import { validatorUpdates } from '../../../../../src/chain/modules/staking/validator-set.js';
import { Branch } from '../../../../../src/chain/store/branch.js';
import { MemoryDatabase } from '../../../../../src/chain/store/memory.js';
import { formatAddress } from '../../../../../src/protocol/address.js';
import { toHex, utf8 } from '../../../../../src/protocol/bytes.js';
import { PubKey } from '../../../../../src/protocol/gen/cosmos/crypto/ed25519/keys.js';
import { type Params, Validator } from '../../../../../src/protocol/gen/cosmos/staking/v1beta1/staking.js';
import { consensusAddress } from '../../../../../src/protocol/genesis-doc.js';
import { sha256 } from '../../../../../src/protocol/hash.js';
import { operatorOfAccount } from '../../../../../src/protocol/validator-address.js';
import { contextAt } from '../kit.js';

export const REMES = 1_000_000n;
export const DAY = 86_400n;

export interface TestValidator {
  readonly account: string;
  readonly operator: string;
  readonly consensusKey: Uint8Array;
  readonly consAddress: Uint8Array;
}

export function testAddress(name: string): string {
  return formatAddress(sha256(utf8(`account ${name}`)).subarray(0, 20));
}

export function testValidator(name: string): TestValidator {
  const account = testAddress(name);
  const consensusKey = sha256(utf8(`consensus key ${name}`));
  return { account, operator: operatorOfAccount(account), consensusKey, consAddress: consensusAddress(consensusKey) };
}

export class StakingChain {
  readonly bank = new BankKeeper(new AccountKeeper());
  readonly staking = new StakingKeeper(this.bank);
  readonly history = new History();
  readonly #branch = new Branch(new MemoryDatabase());
  /** Powers by consensus key in hex, as an engine that follows all updates has them. */
  readonly engine = new Map<string, bigint>();
  ctx: ExecutionContext;

  constructor(params: Partial<Params> = {}) {
    this.ctx = contextAt(1n, this.#branch);
    this.staking.state.setParams(this.ctx, { ...defaultStakingParams(), ...params });
  }

  fund(address: string, amount: bigint): void {
    this.bank.mint(this.ctx, address, amount);
  }

  /** Registers a validator with a self-delegation; it is bonded when the block ends. */
  create(validator: TestValidator, tokens: bigint, minSelfDelegation = 1n): void {
    this.staking.create(this.ctx, bareValidator(validator, minSelfDelegation));
    this.staking.delegate(this.ctx, validator.account, validator.operator, tokens, validator.account);
  }

  /** Ends the block, checks what must hold, and begins the next one after `seconds`. @throws where an invariant is broken. */
  endBlock(seconds = 5n): void {
    for (const { pubKey, power } of validatorUpdates(this.staking, this.history, this.ctx)) {
      const key = toHex(pubKey?.sum?.value ?? new Uint8Array());
      if (power === 0n && !this.engine.delete(key)) throw new Error(`validator ${key} is removed, but the engine does not know it`);
      if (power > 0n) this.engine.set(key, power);
    }
    const broken = brokenStakingInvariants(this.staking, this.ctx);
    if (broken.length > 0) throw new Error(broken.join('; '));
    const { height, timeSeconds } = this.ctx.block;
    this.ctx = contextAt(height + 1n, this.#branch, { timeSeconds: timeSeconds + seconds });
    this.history.beginBlock(this.staking, this.ctx);
  }

  /** Runs what may be refused as a message does: all of its writes or none. @returns whether it was done. */
  attempt(act: (ctx: ExecutionContext) => void): boolean {
    const child = this.ctx.child();
    try {
      act(child);
    } catch (error) {
      if (error instanceof Error && error.name === 'ChainError') return false;
      throw error;
    }
    this.ctx.adopt(child);
    return true;
  }
}

export function bareValidator({ operator, consensusKey }: TestValidator, minSelfDelegation = 1n): Validator {
  return Validator.fromPartial({
    operatorAddress: operator,
    consensusPubkey: { typeUrl: '/cosmos.crypto.ed25519.PubKey', value: PubKey.encode({ key: consensusKey }).finish() },
    description: { moniker: operator.slice(-4) },
    commission: { commissionRates: { rate: '0', maxRate: '1000000000000000000', maxChangeRate: '0' }, updateTime: { seconds: 0n } },
    unbondingTime: { seconds: 0n },
    minSelfDelegation: minSelfDelegation.toString(),
  });
}
