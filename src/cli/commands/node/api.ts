import { InvalidInputError } from '../../../protocol/errors.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { openGateway } from '../../node/gateway.js';
import { type ListenAddress, type OFF, unlessOff } from '../../node/listen-address.js';
import { keepHeapSmall, megabytes, ownRssBytes } from '../../node/memory.js';

export interface ApiArgs {
  readonly api: ListenAddress | typeof OFF;
  readonly grpc: ListenAddress | typeof OFF;
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
export async function nodeApi(ctx: Context, { node, ...args }: ApiArgs): Promise<CommandResult> {
  keepHeapSmall();
  const gateway = await openGateway(node, { api: unlessOff(args.api), grpc: unlessOff(args.grpc) }, (text) => ctx.out.log('warn', text));
  if (gateway === undefined) throw new InvalidInputError('both --api and --grpc are off: nothing is left to serve', 'leave one of them on');
  try {
    const { api = null, grpc = null } = gateway;
    const rssBytes = ownRssBytes();
    const servers = [api === null ? [] : [`REST ${api}`], grpc === null ? [] : [`gRPC ${grpc}`]].flat().join(', ');
    ctx.out.event('started', { pid: process.pid, node, api, grpc, rssBytes }, `${servers}, node ${node}, process ${process.pid}, ${megabytes(rssBytes)}`);
    await aborted(ctx.signal);
    return { data: { pid: process.pid, node, api, grpc, rssBytes: ownRssBytes() }, text: `stopped, ${megabytes(ownRssBytes())}` };
  } finally {
    await gateway.close();
  }
}
