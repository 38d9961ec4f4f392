import path from 'node:path';

import { readConfigFile } from '../../config/load.js';
import { PROJECT_FILE } from '../../config/paths.js';
import { checkFile, parseSetting } from '../../config/schema.js';
import type { SettingKey } from '../../config/settings.js';
import { writeFileAtomic } from '../../files/atomic.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';

interface Args {
  readonly key: SettingKey;
  readonly value: string;
  readonly project: boolean;
}

export async function configSet(ctx: Context, { key, value: given, project }: Args): Promise<CommandResult> {
  const value = parseSetting(key, given, key);
  const file = project ? path.join(ctx.io.cwd, PROJECT_FILE) : ctx.paths.configFile;
  const before = checkFile((await readConfigFile(file)) ?? {}, file);
  await writeFileAtomic(file, `${JSON.stringify({ ...before, [key]: value }, null, 2)}\n`);
  return { data: { key, value, file }, text: `${key} = ${value} in ${file}` };
}
