import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { EXIT } from '../../frame/exit-codes.js';
import { nodeHome } from '../../node/home.js';
import { megabytes } from '../../node/memory.js';
import { nodeState, type NodeState } from '../../node/state.js';

function describe(state: NodeState, log: string): string {
  if (!state.running) return 'no node runs in this home';
  const rows: readonly (readonly [string, string | null])[] = [
    ['process', `${state.pid ?? ''}${state.mode === null ? '' : ` in the ${state.mode}`}`],
    ['chain', state.chainId ?? 'starting'],
    ['height', state.height ?? 'no answer'],
    ['app hash', state.appHash],
    ['RPC', state.rpc],
    ['memory', state.rssBytes === null ? null : megabytes(state.rssBytes)],
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
