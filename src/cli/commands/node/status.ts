import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { EXIT } from '../../frame/exit-codes.js';
import { nodeHome } from '../../node/home.js';
import { megabytes } from '../../node/memory.js';
import { nodeState, type NodeState } from '../../node/state.js';

function memory({ rssBytes, appRssBytes, cometRssBytes }: NodeState): string | null {
  if (rssBytes === null) return null;
  const parts = [['application', appRssBytes], ['CometBFT', cometRssBytes]] as const;
  const told = parts.flatMap(([name, bytes]) => (bytes === null ? [] : [`, ${name} ${megabytes(bytes)}`]));
  return `${megabytes(rssBytes)}${told.join('')}`;
}

function describe(state: NodeState, log: string): string {
  if (!state.running) return 'no node runs in this home';
  const rows: readonly (readonly [string, string | null])[] = [
    ['process', `${state.pid ?? ''}${state.mode === null ? '' : ` in the ${state.mode}`}`],
    ['chain', state.chainId ?? 'starting'],
    ['engine', state.engine],
    ['height', `${state.height ?? 'no answer'}${state.catchingUp === true ? ', catching up' : ''}`],
    ['app hash', state.appHash],
    ['power', state.votingPower],
    ['missed', state.missedBlocks === null ? null : `${state.missedBlocks} blocks`],
    ['peers', state.peers?.toString() ?? null],
    ['waiting', state.mempoolTxs === null ? null : `${state.mempoolTxs} tx${state.mempoolBytes === null ? '' : `, ${state.mempoolBytes} bytes`}`],
    ['RPC', state.rpc],
    ['REST', state.api],
    ['gRPC', state.grpc],
    ['metrics', state.metrics],
    ['CometBFT', state.cometMetrics],
    ['memory', memory(state)],
    ['since', state.startedAt],
    ['log', log],
  ];
  return rows
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.padEnd(9)}${value ?? ''}`)
    .join('\n');
}

export async function nodeStatus(ctx: Context): Promise<CommandResult> {
  const home = nodeHome(ctx.paths);
  const state = await nodeState(home);
  if (!state.running) ctx.out.note('start it with r3mes node start');
  return { data: { ...state, log: home.logFile }, text: describe(state, home.logFile), exitCode: state.running ? EXIT.ok : EXIT.unreachable };
}
