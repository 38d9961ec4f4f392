import { InvalidInputError } from '../protocol/errors.js';
import type { ValidatorUpdate } from '../protocol/gen/tendermint/abci/types.js';
import type { KvReader, KvStore } from './store/kv.js';

/** An event of a transaction or of a block; every attribute is indexed. */
export interface ModuleEvent {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A validator's part in the commit of the last block. */
export interface BlockVote {
  /** First 20 bytes of SHA-256 of the consensus key. */
  readonly address: Uint8Array;
  /** Voting power that the vote had. */
  readonly power: bigint;
  /** Whether it voted at all, be it for nil. */
  readonly signed: boolean;
}

/** Proof, checked by the engine, that a validator signed what it must not. */
export interface BlockMisbehavior {
  readonly address: Uint8Array;
  /** Voting power at the time. */
  readonly power: bigint;
  readonly height: bigint;
  readonly timeSeconds: bigint;
}

/** The block that is being executed, or, for a query, the last committed one. */
export interface BlockInfo {
  readonly chainId: string;
  readonly height: bigint;
  /** Block time, whole seconds since 1970. */
  readonly timeSeconds: bigint;
  /** Block time of the first block, whole seconds since 1970. */
  readonly genesisTimeSeconds: bigint;
  /** First 20 bytes of SHA-256 of the proposer's consensus key; empty in queries. */
  readonly proposerAddress: Uint8Array;
  /** Who signed the last block; absent outside of the execution of a block. */
  readonly votes?: readonly BlockVote[];
  /** What the engine reports in this block. */
  readonly misbehavior?: readonly BlockMisbehavior[];
}

/** What a query handler may see. */
export interface QueryContext {
  readonly block: BlockInfo;
  /** The store of the module with this name. */
  reader(name: string): KvReader;
}

/** What a message handler or a block hook may see and do. */
export interface Context extends QueryContext {
  store(name: string): KvStore;
  emit(event: ModuleEvent): void;
  /** Charges gas. @throws ChainError OUT_OF_GAS beyond the transaction's limit. */
  useGas(amount: bigint, why: string): void;
}

/** One transaction message. `checkStateless` needs no state; `execute` reads, checks, then writes, or throws. */
export interface MessageHandler {
  readonly typeUrl: string;
  /** Addresses that must sign, in order. */
  signers(value: Uint8Array): readonly string[];
  checkStateless(value: Uint8Array): void;
  /** @returns the encoded response message. @throws ChainError; the caller then drops all writes. */
  execute(ctx: Context, value: Uint8Array): Uint8Array;
  /** Type URL of the response. */
  readonly responseTypeUrl: string;
  /** Whether it is for proposals of governance, whose account is its only possible signer. */
  readonly byAuthority?: boolean;
}

/** One gRPC query method, reached through abci_query by its path. */
export interface QueryHandler {
  /** E.g. `/remes.remes.v1.Query/GetWindow`. */
  readonly path: string;
  /** @throws ChainError; `NOT_FOUND` becomes gRPC's NotFound. */
  handle(ctx: QueryContext, request: Uint8Array): Uint8Array;
}

/** A part of the state machine: a pure function of the block. */
export interface Module {
  /** Also the name of its store. */
  readonly name: string;
  readonly messages: readonly MessageHandler[];
  readonly queries: readonly QueryHandler[];
  /** Reads this module's part of `app_state`. @throws InvalidInputError naming the wrong field. */
  initGenesis(ctx: Context, state: unknown): void;
  /** The module's part of `app_state` that reproduces its state. */
  exportGenesis?(ctx: QueryContext): unknown;
  beginBlock?(ctx: Context): void;
  endBlock?(ctx: Context): void;
  /**
   * Runs after all of genesis and after the `endBlock` hooks of all modules; of one module, staking.
   * @returns the consensus keys whose power changed since the last call, each once.
   */
  validatorUpdates?(ctx: Context): readonly ValidatorUpdate[];
}

/**
 * A reserved transaction that the block's proposer itself puts first in the block: our beacon.
 * The application calls `build` in PrepareProposal, `refusal` in ProcessProposal, `execute` first in FinalizeBlock.
 */
export interface ProposerTx {
  /** Whether bytes are of this reserved kind: such bytes are refused by CheckTx and anywhere but first in a block. */
  matches(tx: Uint8Array): boolean;
  /** The transaction for the next block, or nothing if this node holds no key. */
  build(ctx: QueryContext): Uint8Array | undefined;
  /** Why a proposal with this first transaction (or none) is refused; nothing if it is fine. */
  refusal(ctx: QueryContext, tx: Uint8Array | undefined): string | undefined;
  /** Runs in every block, before `beginBlock`; `tx` is absent where the proposer left it out. Must not throw for any bytes. */
  execute(ctx: Context, tx: Uint8Array | undefined): void;
}

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
}

/** @throws InvalidInputError where the bytes are no such message. */
function decodeAs<T>(codec: Codec<T>, name: string, bytes: Uint8Array): T {
  try {
    return codec.decode(bytes);
  } catch (error) {
    throw new InvalidInputError(`${name}: the bytes are no such message (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** Builds a MessageHandler from generated codecs, so that a module writes only what is its own. */
export function defineMessage<M, R>(spec: {
  typeUrl: string;
  message: Codec<M>;
  response: Codec<R>;
  /** Who must sign, or all who must, in order. */
  signer: (msg: M) => string | readonly string[];
  checkStateless: (msg: M) => void;
  execute: (ctx: Context, msg: M) => R;
}): MessageHandler {
  // The application asks for signers, checks and executes the same bytes in turn: decode them once.
  let last: { bytes: Uint8Array; message: M } | undefined;
  const decode = (bytes: Uint8Array): M => {
    if (last?.bytes !== bytes) last = { bytes, message: decodeAs(spec.message, spec.typeUrl, bytes) };
    return last.message;
  };
  return {
    typeUrl: spec.typeUrl,
    responseTypeUrl: `${spec.typeUrl}Response`,
    signers: (bytes) => {
      const signers = spec.signer(decode(bytes));
      return typeof signers === 'string' ? [signers] : signers;
    },
    checkStateless: (bytes) => spec.checkStateless(decode(bytes)),
    execute: (ctx, bytes) => spec.response.encode(spec.execute(ctx, decode(bytes))).finish(),
  };
}

/** Builds a QueryHandler from generated codecs. */
export function defineQuery<Q, R>(spec: {
  path: string;
  request: Codec<Q>;
  response: Codec<R>;
  handle: (ctx: QueryContext, request: Q) => R;
}): QueryHandler {
  return {
    path: spec.path,
    handle: (ctx, request) => spec.response.encode(spec.handle(ctx, decodeAs(spec.request, spec.path, request))).finish(),
  };
}
