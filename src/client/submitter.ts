/**
 * Signing and sending. Sequences are counted here, so that several transactions of one account can wait for the same
 * block; one account's transactions are sent one after the other, and different accounts do not wait for each other.
 */
import { SigningStargateClient } from '@cosmjs/stargate';
import { z } from 'zod';

import { DENOM } from '../protocol/coins.js';
import { R3mesError } from '../protocol/errors.js';
import { PubKey } from '../protocol/gen/cosmos/crypto/secp256k1/keys.js';
import { SimulateRequest, SimulateResponse } from '../protocol/gen/cosmos/tx/v1beta1/service.js';
import { SignMode } from '../protocol/gen/cosmos/tx/signing/v1beta1/signing.js';
import { AuthInfo, TxBody, TxRaw } from '../protocol/gen/cosmos/tx/v1beta1/tx.js';
import { txHash } from '../protocol/tx.js';
import { type ChainMessage, createRegistry } from './messages.js';
import type { ChainQueries } from './queries.js';
import { type RpcConnection, RpcAnswerError, readAnswer } from './rpc.js';
import type { ChainSigner } from './signer.js';

/** What is asked for above the simulated gas: the state may have changed until the block. In tenths. */
const GAS_TENTHS = 14n;
const MICRO = 1_000_000n;
const BROADCAST_TRIES = 4;
const FIRST_PAUSE_MS = 200;
const SDK_CODESPACE = 'sdk';
const WRONG_SEQUENCE = 32;
const PUBKEY_TYPE_URL = '/cosmos.crypto.secp256k1.PubKey';

export interface SubmitOptions {
  /** Gas limit; `auto` (the default) simulates first. */
  readonly gas?: 'auto' | bigint;
  /** Fee in uremes; absent: gas limit × gas price. */
  readonly fee?: bigint;
  readonly memo?: string;
}

export interface SubmittedTx {
  /** Upper-case hexadecimal. */
  readonly hash: string;
  readonly bytes: Uint8Array;
  readonly sequence: bigint;
}

/** The chain refused a transaction, in CheckTx or in its block. */
export class TxFailedError extends R3mesError {
  readonly codespace: string;
  readonly abciCode: number;
  readonly log: string;

  constructor(code: 'TX_FAILED' | 'SEQUENCE_MISMATCH', hash: string, codespace: string, abciCode: number, log: string) {
    super({ code, message: `transaction ${hash} failed: ${log} (${codespace}/${abciCode})`, retryable: code === 'SEQUENCE_MISMATCH' });
    this.name = 'TxFailedError';
    this.codespace = codespace;
    this.abciCode = abciCode;
    this.log = log;
  }
}

const broadcastAnswer = z.object({ code: z.number(), log: z.string().default(''), codespace: z.string().default('') });

interface AccountState {
  accountNumber: bigint;
  /** Of the next transaction; absent: ask the chain. */
  sequence: bigint | undefined;
  last: Promise<unknown>;
}

export class TxSubmitter {
  readonly #rpc: RpcConnection;
  readonly #queries: ChainQueries;
  readonly #chainId: string;
  readonly #accounts = new Map<string, AccountState>();
  readonly #registry = createRegistry();
  #gasPriceMicro: bigint | undefined;

  /** @param gasPriceMicro millionths of an uremes a gas; absent: the chain's lowest. */
  constructor(rpc: RpcConnection, queries: ChainQueries, chainId: string, gasPriceMicro?: bigint) {
    this.#rpc = rpc;
    this.#queries = queries;
    this.#chainId = chainId;
    this.#gasPriceMicro = gasPriceMicro;
  }

  /**
   * Signs and sends; the transaction then waits for a block.
   * @throws TxFailedError where CheckTx refuses it; R3mesError NODE_UNREACHABLE, MEMPOOL_FULL, UNKNOWN_ACCOUNT.
   */
  submit(signer: ChainSigner, messages: readonly ChainMessage[], options: SubmitOptions = {}): Promise<SubmittedTx> {
    const account = this.#accountState(signer.address);
    const result = account.last.then(() => this.#send(account, signer, messages, options));
    account.last = result.catch(() => undefined);
    return result;
  }

  /** Gas that these messages would use now. */
  async simulate(signer: ChainSigner, messages: readonly ChainMessage[], memo = ''): Promise<bigint> {
    const [key] = await signer.direct.getAccounts();
    const body = TxBody.fromPartial({
      messages: messages.map((message) => ({ typeUrl: message.typeUrl, value: this.#registry.encode(message) })),
      memo,
    });
    const authInfo = AuthInfo.fromPartial({
      signerInfos: [
        {
          publicKey: { typeUrl: PUBKEY_TYPE_URL, value: PubKey.encode({ key: key?.pubkey ?? new Uint8Array() }).finish() },
          modeInfo: { sum: { $case: 'single', value: { mode: SignMode.UNSPECIFIED } } },
          sequence: (await this.#queries.account(signer.address))?.sequence ?? 0n,
        },
      ],
      fee: {},
    });
    const txBytes = TxRaw.encode({ bodyBytes: TxBody.encode(body).finish(), authInfoBytes: AuthInfo.encode(authInfo).finish(), signatures: [new Uint8Array()] }).finish();
    const found = await this.#queries.call('/cosmos.tx.v1beta1.Service/Simulate', SimulateRequest, SimulateResponse, SimulateRequest.fromPartial({ txBytes }));
    if (found?.gasInfo === undefined) throw new R3mesError({ code: 'NODE_ANSWER', message: 'the node simulated a transaction without telling its gas' });
    return found.gasInfo.gasUsed;
  }

  /** Sends bytes that are signed already, once more; whatever comes of it, the transaction is what it was. */
  async rebroadcast(bytes: Uint8Array): Promise<void> {
    try {
      await this.#broadcast(bytes);
    } catch (error) {
      if (!(error instanceof R3mesError)) throw error;
    }
  }

  async #send(account: AccountState, signer: ChainSigner, messages: readonly ChainMessage[], { gas = 'auto', memo = '', fee }: SubmitOptions): Promise<SubmittedTx> {
    const gasLimit = gas === 'auto' ? ((await this.simulate(signer, messages, memo)) * GAS_TENTHS + 9n) / 10n : gas;
    for (let attempt = 0; ; attempt++) {
      const sequence = account.sequence ?? (await this.#refetch(account, signer.address));
      const bytes = await this.#sign(signer, messages, { gasLimit, memo, fee }, account.accountNumber, sequence);
      const hash = txHash(bytes);
      // Whether the node took it is not known until it says so.
      account.sequence = undefined;
      const { code, codespace, log } = await this.#broadcast(bytes);
      if (code === 0) {
        account.sequence = sequence + 1n;
        return { hash, bytes, sequence };
      }
      const isMismatch = codespace === SDK_CODESPACE && code === WRONG_SEQUENCE;
      if (!isMismatch) account.sequence = sequence;
      if (!isMismatch || attempt > 0) throw new TxFailedError(isMismatch ? 'SEQUENCE_MISMATCH' : 'TX_FAILED', hash, codespace, code, log);
      await this.#refetch(account, signer.address);
      // The chain counts what is in blocks; the node also counts what waits, as after a restart of ours.
      const expected = /expected ([0-9]{1,19}), got/.exec(log)?.[1];
      if (expected !== undefined) account.sequence = BigInt(expected);
    }
  }

  async #refetch(account: AccountState, address: string): Promise<bigint> {
    const found = await this.#queries.account(address);
    if (found === undefined) {
      throw new R3mesError({ code: 'UNKNOWN_ACCOUNT', message: `account ${address} does not exist on the chain`, hint: 'send coins to it first: receiving creates it' });
    }
    account.accountNumber = found.accountNumber;
    account.sequence = found.sequence;
    return found.sequence;
  }

  async #sign(
    signer: ChainSigner,
    messages: readonly ChainMessage[],
    { gasLimit, memo, fee: given }: { gasLimit: bigint; memo: string; fee: bigint | undefined },
    accountNumber: bigint,
    sequence: bigint,
  ): Promise<Uint8Array> {
    const amount = given ?? (gasLimit * (await this.#gasPrice()) + MICRO - 1n) / MICRO;
    const fee = { amount: amount === 0n ? [] : [{ denom: DENOM, amount: amount.toString() }], gas: gasLimit.toString() };
    const client = await SigningStargateClient.offline(signer.direct, { registry: this.#registry });
    const signed = await client.sign(signer.address, messages, fee, memo, {
      accountNumber,
      sequence: Number(sequence),
      chainId: this.#chainId,
    });
    const { bodyBytes, authInfoBytes, signatures } = signed;
    return TxRaw.encode({ bodyBytes, authInfoBytes, signatures }).finish();
  }

  async #gasPrice(): Promise<bigint> {
    this.#gasPriceMicro ??= (await this.#queries.params()).auth?.minGasPriceMicro ?? 0n;
    return this.#gasPriceMicro;
  }

  /** The same bytes are the same transaction: sending them again after a silence does no harm. */
  async #broadcast(bytes: Uint8Array): Promise<z.output<typeof broadcastAnswer>> {
    const tx = Buffer.from(bytes).toString('base64');
    for (let attempt = 1; ; attempt++) {
      try {
        return readAnswer(broadcastAnswer, await this.#rpc.request('broadcast_tx_sync', { tx }), 'broadcast_tx_sync');
      } catch (error) {
        if (error instanceof RpcAnswerError && error.message.includes('tx already exists in cache')) return { code: 0, log: '', codespace: '' };
        const isLast = attempt >= BROADCAST_TRIES;
        if (isLast || !(error instanceof R3mesError) || !error.retryable) throw error;
        await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE_MS * 2 ** (attempt - 1)));
      }
    }
  }

  #accountState(address: string): AccountState {
    const known = this.#accounts.get(address);
    if (known !== undefined) return known;
    const made: AccountState = { accountNumber: 0n, sequence: undefined, last: Promise.resolve() };
    this.#accounts.set(address, made);
    return made;
  }
}
