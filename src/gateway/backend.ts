/** The node behind the gateway, over CometBFT's RPC: our solo engine's or CometBFT's own, they answer alike. */
import { z } from 'zod';

import { RpcAnswerError, type RpcConnection, base64Bytes, int64Text, readAnswer } from '../client/rpc.js';
import { toHex } from '../protocol/bytes.js';
import type { ResponseQuery } from '../protocol/gen/tendermint/abci/types.js';

/** An answer of the application to one of its queries. */
export type QueryAnswer = Pick<ResponseQuery, 'code' | 'codespace' | 'log' | 'info' | 'index' | 'key' | 'value' | 'height' | 'proofOps'>;

export interface Query {
  readonly path: string;
  readonly data: Uint8Array;
  /** 0: the newest. */
  readonly height: bigint;
  readonly prove?: boolean;
}

export interface Backend {
  query(query: Query): Promise<QueryAnswer>;
  /**
   * One method of CometBFT's RPC, its answer read by a schema.
   * @throws R3mesError NODE_UNREACHABLE, NODE_ANSWER; RpcAnswerError where the node says no.
   */
  request<S extends z.ZodType>(method: string, params: Readonly<Record<string, unknown>>, schema: S): Promise<z.output<S>>;
}

const queryAnswer = z.object({
  response: z.object({
    code: z.number().default(0),
    codespace: z.string().default(''),
    log: z.string().default(''),
    info: z.string().default(''),
    index: int64Text.default(0n),
    key: base64Bytes,
    value: base64Bytes,
    height: int64Text.default(0n),
    proofOps: z
      .object({ ops: z.array(z.object({ type: z.string(), key: base64Bytes, data: base64Bytes })).nullish() })
      .nullish()
      .transform((proof) => (proof?.ops ? { ops: proof.ops } : undefined)),
  }),
});

/** @param direct answers queries in this process, where the application is in it: without JSON and a socket between. */
export function rpcBackend(rpc: RpcConnection, direct?: (query: Required<Query>) => Promise<QueryAnswer>): Backend {
  const request = async <S extends z.ZodType>(method: string, params: Readonly<Record<string, unknown>>, schema: S): Promise<z.output<S>> =>
    readAnswer(schema, await rpc.request(method, params), method);
  return {
    request,
    query: async ({ path, data, height, prove = false }) => {
      if (direct !== undefined) return direct({ path, data, height, prove });
      const { response } = await request('abci_query', { path, data: toHex(data), height: height.toString(), prove }, queryAnswer);
      return response;
    },
  };
}

/** Whether the node said no with these words. */
export function nodeSays(error: unknown, words: string): boolean {
  return error instanceof RpcAnswerError && error.message.includes(words);
}
