import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import type { JsonObject } from '../../frame/json.js';
import { table } from '../../frame/table.js';
import { connectChain, type NodeArgs } from '../../session/connect.js';
import { cells, recordText } from '../../session/records.js';
import { type Query, QUERIES, type QueryValues } from './queries.js';

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function textOf({ list, record }: Query, data: JsonObject): string {
  if (list !== undefined) {
    const value = data[list.key];
    const rows = (Array.isArray(value) ? value : []).filter(isObject);
    return rows.length === 0 ? `no ${list.key}` : table(list.columns, rows.map((row) => cells(row, list.columns)));
  }
  const shown = record === undefined ? data : data[record];
  return isObject(shown) ? recordText(shown) : '';
}

export async function runQuery(ctx: Context, name: keyof typeof QUERIES, values: NodeArgs & QueryValues): Promise<CommandResult> {
  const query: Query = QUERIES[name];
  const data = await query.ask(await connectChain(values), values, ctx);
  return { data, text: textOf(query, data) };
}
