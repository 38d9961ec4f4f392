import path from 'node:path';

import { checkVersion, COMET_VERSION, engineFiles, findComet, sha256OfFile } from '../../../chain/comet/binary.js';
import { installComet } from '../../../chain/comet/install.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { step } from '../../frame/step.js';
import { nodeHome } from '../../node/home.js';
import { fileExists } from '../../files/exists.js';

export interface EngineArgs {
  readonly action: 'install' | 'show';
  readonly from: string | undefined;
  readonly force: boolean;
}

interface Engine {
  readonly file: string;
  readonly version: string;
  readonly sha256: string;
}

function result({ file, version, sha256 }: Engine, installed: boolean, how: string): CommandResult {
  return { data: { file, version, sha256, installed }, text: `${how} CometBFT ${version}\nfile    ${file}\nSHA-256 ${sha256}` };
}

async function install(ctx: Context, folder: string, { from, force }: EngineArgs): Promise<CommandResult> {
  const { binary } = engineFiles(folder);
  if (!force && (await fileExists(binary))) {
    const found = await findComet({ given: undefined, folder, search: '' });
    if (from === undefined || (await sha256OfFile(path.resolve(ctx.io.cwd, from))) === found.sha256) return result(found, false, 'there already:');
  }
  const source = from === undefined ? undefined : path.resolve(ctx.io.cwd, from);
  if (source !== undefined) await checkVersion(source);
  const made = await step(ctx, source === undefined ? `building CometBFT ${COMET_VERSION} with Go` : `copying ${source}`, (progress) =>
    installComet({
      folder,
      ...(source === undefined ? {} : { from: source }),
      now: new Date(),
      signal: ctx.signal,
      onLine: (line) => {
        ctx.out.log('debug', line);
        progress.update({ detail: line });
      },
    }),
  );
  return result(made, true, 'installed');
}

/** Installs CometBFT for this home, or says which one a start would run. */
export async function nodeEngine(ctx: Context, args: EngineArgs): Promise<CommandResult> {
  const folder = nodeHome(ctx.paths).engine;
  if (args.action === 'install') return install(ctx, folder, args);
  const given = ctx.io.env['R3MES_COMETBFT'];
  const found = await findComet({ given: given === '' ? undefined : given, folder, search: ctx.io.env['PATH'] ?? '' });
  return result(found, false, 'a start runs');
}
