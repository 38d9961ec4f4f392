import type { BlockInfo, Context, ModuleEvent, QueryContext } from '../module.js';
import { Branch, BranchStore, StoreReader } from '../store/branch.js';
import type { Reader } from '../store/database.js';
import type { KvReader, KvStore } from '../store/kv.js';
import { type GasMeter, MeteredStore } from './gas.js';

/** What a query sees: one state, read only, without gas. */
export class ReadContext implements QueryContext {
  readonly block: BlockInfo;
  readonly #state: Reader;

  constructor(block: BlockInfo, state: Reader) {
    this.block = block;
    this.#state = state;
  }

  reader(name: string): KvReader {
    return new StoreReader(this.#state, name);
  }
}

/** What execution sees: a branch to write to, events, and a meter inside of transactions. */
export class ExecutionContext implements Context {
  readonly block: BlockInfo;
  readonly branch: Branch;
  readonly events: ModuleEvent[] = [];
  readonly #meter: GasMeter | undefined;
  readonly #stores = new Map<string, KvStore>();

  /** @param meter absent in genesis and in the hooks of a block, which nobody pays for. */
  constructor(block: BlockInfo, branch: Branch, meter?: GasMeter) {
    this.block = block;
    this.branch = branch;
    this.#meter = meter;
  }

  reader(name: string): KvReader {
    return this.store(name);
  }

  store(name: string): KvStore {
    const known = this.#stores.get(name);
    if (known !== undefined) return known;
    const plain = new BranchStore(this.branch, name);
    const store = this.#meter === undefined ? plain : new MeteredStore(plain, this.#meter);
    this.#stores.set(name, store);
    return store;
  }

  emit(event: ModuleEvent): void {
    this.events.push(event);
  }

  useGas(amount: bigint, why: string): void {
    this.#meter?.consume(amount, why);
  }

  /** The same block and meter, on a branch of this one's branch, with events of its own. */
  child(): ExecutionContext {
    return new ExecutionContext(this.block, new Branch(this.branch), this.#meter);
  }

  /** Takes over what `child` wrote. */
  adopt(child: ExecutionContext): void {
    child.branch.mergeInto(this.branch);
    for (const event of child.events) this.events.push(event);
  }
}
