import path from 'node:path';

import { InvalidInputError } from '../../../protocol/errors.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { listFiles } from './files.js';
import { inspectAdapter } from './inspect-adapter.js';
import { inspectModel } from './inspect-model.js';

export interface InspectArgs {
  readonly directory: string;
  readonly rank: number;
  readonly target: readonly string[];
  readonly base: string | undefined;
}

export async function modelInspect(ctx: Context, args: InspectArgs): Promise<CommandResult> {
  const directory = path.resolve(ctx.io.cwd, args.directory);
  const files = await listFiles(directory);
  const has = (name: string): boolean => files.some((file) => file.name === name);
  if (has('adapter_config.json') && !has('config.json')) {
    const base = args.base === undefined ? undefined : path.resolve(ctx.io.cwd, args.base);
    return inspectAdapter({ directory, files, base });
  }
  if (has('config.json')) return inspectModel(ctx, { directory, files, rank: args.rank, targets: args.target });
  throw new InvalidInputError(
    `${directory} has neither config.json nor adapter_config.json`,
    'expected a Hugging Face model directory, or an adapter that PEFT wrote',
  );
}
