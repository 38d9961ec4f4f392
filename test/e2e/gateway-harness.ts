/** A solo node with the gateway in front of it, knowing it by its RPC alone. */
import { DirectSecp256k1HdWallet } from '@cosmjs/proto-signing';
import { SigningStargateClient } from '@cosmjs/stargate';

import { RpcConnection } from '../../src/client/rpc.js';
import { Gateway, rpcBackend } from '../../src/gateway/index.js';
import { type RunningNode, cosmjsGenesis, startNode } from './cosmjs-harness.js';

const TIMEOUT_MS = 10_000;

export interface Served {
  readonly node: RunningNode;
  readonly rest: string;
  readonly grpc: string;
  /** Has coins and a registration as a miner. */
  readonly account: string;
  readonly wallet: DirectSecp256k1HdWallet;
  readonly client: SigningStargateClient;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // The tests say what they expect of it.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

export async function openGateway(nodeUrl: string, problems: unknown[] = []): Promise<Gateway> {
  return Gateway.open({
    backend: rpcBackend(new RpcConnection(nodeUrl, TIMEOUT_MS)),
    version: '1.2.3',
    rest: { host: '127.0.0.1', port: 0 },
    grpc: { host: '127.0.0.1', port: 0 },
    report: (error) => problems.push(error),
  });
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === '' ? undefined : JSON.parse(text)) as unknown };
}

/**
 * @param problems what the gateway reports; a test that expects none looks at it.
 * @param isStaked the account stands behind the validator.
 */
export async function serve(problems: unknown[] = [], isStaked = false): Promise<Served> {
  const wallet = await DirectSecp256k1HdWallet.generate(12, { prefix: 'remes' });
  const account = (await wallet.getAccounts())[0]!.address;
  const node = await startNode(cosmjsGenesis([], account, isStaked));
  const gateway = await openGateway(node.url, problems);
  while (node.engine.height < 2n) await new Promise((resolve) => setTimeout(resolve, 20));
  const client = await SigningStargateClient.connectWithSigner(node.url, wallet);
  const rest = gateway.restUrl!;
  return {
    node,
    rest,
    grpc: gateway.grpcAddress!,
    account,
    wallet,
    client,
    get: async (path, headers = {}) => answerOf(await fetch(`${rest}${path}`, { headers })),
    post: async (path, body) => answerOf(await fetch(`${rest}${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })),
    close: async () => {
      client.disconnect();
      await gateway.close();
      await node.stop();
    },
  };
}
