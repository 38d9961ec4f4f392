import path from 'node:path';

import { PROJECT_FILE } from '../../config/paths.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { table } from '../../frame/table.js';

export function configPath(ctx: Context): Promise<CommandResult> {
  const places = { ...ctx.paths, projectFile: path.join(ctx.io.cwd, PROJECT_FILE) };
  return Promise.resolve({ data: places, text: table(['what', 'where'], Object.entries(places)) });
}
