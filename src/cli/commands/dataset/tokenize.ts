import { loadModelTokenizer, tokenizeFile } from '../../../dataset/index.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { step } from '../../frame/step.js';
import { facts } from '../../frame/table.js';
import { DEFAULT_MODEL_DIRECTORY } from '../../model-directory.js';
import { given, mayReplace, watched, withStore } from './job.js';

export interface TokenizeArgs {
  readonly input: string;
  readonly output: string;
  readonly model: string | undefined;
  readonly content: string | undefined;
  readonly force: boolean;
}

export async function datasetTokenize(ctx: Context, args: TokenizeArgs): Promise<CommandResult> {
  const input = given(ctx, args.input);
  const output = given(ctx, args.output);
  const modelDirectory = args.model === undefined ? DEFAULT_MODEL_DIRECTORY : given(ctx, args.model);
  const force = await mayReplace(ctx, input, output, args.force);
  const model = await loadModelTokenizer(modelDirectory);
  return withStore(ctx, args.content, async (store) => {
    const result = await step(ctx, `tokenising ${args.input}`, (progress) => tokenizeFile({ input, output, force, model, store, ...watched(ctx, progress) }));
    const text = facts([
      ['rows', result.rows],
      ...(result.rowsEmpty === 0 ? [] : [['rows without a token', result.rowsEmpty] as const]),
      ['tokens', result.tokens],
      ['tokenizer', result.tokenizerCid],
      ['file', `${result.output} (${result.bytesWritten} bytes)`],
    ]);
    return { data: { ...result, model: modelDirectory }, text };
  });
}
