import { RpcConnection } from '../../../client/rpc.js';
import { Gateway, rpcBackend } from '../../../gateway/index.js';
import { packageVersion } from '../../../native/load.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import type { ListenAddress } from '../../node/listen-address.js';
import { keepHeapSmall, megabytes, ownRssBytes } from '../../node/memory.js';

const NODE_TIMEOUT_MS = 10_000;

export interface ApiArgs {
  readonly api: ListenAddress | undefined;
  readonly grpc: ListenAddress | undefined;
  /** URL of the node's RPC. */
  readonly node: string;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Serves until it is stopped. The node may come and go meanwhile: clients are told 503 while it is away. */
export async function nodeApi(ctx: Context, { api, grpc, node }: ApiArgs): Promise<CommandResult> {
  if (api === undefined && grpc === undefined) throw new InvalidInputError('both --api and --grpc are off: nothing is left to serve', 'leave one of them on');
  keepHeapSmall();
  const gateway = await Gateway.open({
    backend: rpcBackend(new RpcConnection(node, NODE_TIMEOUT_MS)),
    version: packageVersion(),
    ...(api === undefined ? {} : { rest: api }),
    ...(grpc === undefined ? {} : { grpc }),
    report: (error) => ctx.out.log('warn', error instanceof Error ? (error.stack ?? error.message) : String(error)),
  });
  try {
    const { restUrl = null, grpcAddress = null } = gateway;
    const rssBytes = ownRssBytes();
    const servers = [restUrl === null ? [] : [`REST ${restUrl}`], grpcAddress === null ? [] : [`gRPC ${grpcAddress}`]].flat().join(', ');
    ctx.out.event('started', { pid: process.pid, node, api: restUrl, grpc: grpcAddress, rssBytes }, `${servers}, node ${node}, process ${process.pid}, ${megabytes(rssBytes)}`);
    await aborted(ctx.signal);
    return { data: { pid: process.pid, node, api: restUrl, grpc: grpcAddress, rssBytes: ownRssBytes() }, text: `stopped, ${megabytes(ownRssBytes())}` };
  } finally {
    await gateway.close();
  }
}
