import { buildEngine } from '../../../native/build.js';
import { type LoadedEngine, loadEngine } from '../../../native/index.js';
import { R3mesError } from '../../../protocol/errors.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { step } from '../../frame/step.js';

/** The engine that commands would use now; nothing where none loads. */
function present(): LoadedEngine | undefined {
  try {
    return loadEngine();
  } catch (error) {
    if (error instanceof R3mesError && error.code === 'ENGINE_UNAVAILABLE') return undefined;
    throw error;
  }
}

function result({ file, binding }: LoadedEngine, built: boolean): CommandResult {
  const { arithmeticVersion } = binding;
  const text = built ? `built ${file} (arithmetic version ${arithmeticVersion})` : `${file} is there and works (arithmetic version ${arithmeticVersion}); --force builds it anew`;
  return { data: { file, built, arithmeticVersion }, text };
}

export async function engineBuild(ctx: Context, args: { readonly force: boolean }): Promise<CommandResult> {
  // Not looked at with --force: an addon that is loaded cannot be replaced in this process.
  const there = args.force ? undefined : present();
  if (there !== undefined) return result(there, false);
  await step(ctx, 'compiling the engine', (progress) =>
    buildEngine({
      signal: ctx.signal,
      onLine: (line) => {
        ctx.out.log('debug', line);
        progress.update({ detail: line });
      },
    }),
  );
  return result(loadEngine(), true);
}
