import { COLUMN_ROLES, type ColumnNames, type ColumnRole, convertFile, type ConvertResult, type RowFormat } from '../../../dataset/index.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { step } from '../../frame/step.js';
import { facts } from '../../frame/table.js';
import { given, mayReplace, watched } from './job.js';

type ColumnArgs = { readonly [R in ColumnRole as `${R}Column`]: string | undefined };

export interface ConvertArgs extends ColumnArgs {
  readonly input: string;
  readonly output: string;
  readonly format: RowFormat | undefined;
  readonly noCategory: boolean;
  readonly delimiter: string;
  readonly instruction: string | undefined;
  readonly force: boolean;
}

function columnNames(args: ColumnArgs): ColumnNames {
  return Object.fromEntries(
    COLUMN_ROLES.flatMap((role) => {
      const name = args[`${role}Column`];
      return name === undefined ? [] : [[role, name]];
    }),
  );
}

function counted(counts: Readonly<Record<string, number>>, what: (column: string) => string): (readonly [string, number])[] {
  return Object.entries(counts).map(([column, n]) => [what(JSON.stringify(column)), n]);
}

function summary(result: ConvertResult): string {
  return facts([
    ['rows read', result.rowsRead],
    ['rows written', result.rowsWritten],
    ...(result.rowsBlank === 0 ? [] : [['rows left out, blank', result.rowsBlank] as const]),
    ...counted(result.rowsIncomplete, (column) => `rows left out, no ${column}`),
    ...counted(result.fieldsEmpty, (column) => `rows without ${column}`),
    ['columns', Object.entries(result.columns).map(([role, name]) => `${name} as ${role}`).join(', ')],
    ['file', `${result.output} (${result.bytesWritten} bytes)`],
  ]);
}

export async function datasetConvert(ctx: Context, args: ConvertArgs): Promise<CommandResult> {
  const input = given(ctx, args.input);
  const output = given(ctx, args.output);
  const force = await mayReplace(ctx, input, output, args.force);
  const result = await step(ctx, `converting ${args.input}`, (progress) =>
    convertFile({
      input,
      output,
      force,
      category: !args.noCategory,
      columns: columnNames(args),
      delimiter: args.delimiter,
      ...(args.format === undefined ? {} : { format: args.format }),
      ...(args.instruction === undefined ? {} : { instruction: args.instruction }),
      ...watched(ctx, progress),
    }),
  );
  const left = Object.values(result.rowsIncomplete).reduce((sum, n) => sum + n, 0);
  if (left > 0) ctx.out.warn(`${left} of ${result.rowsRead} rows lack a field that the format needs and were left out`);
  return { data: { ...result }, text: summary(result) };
}
