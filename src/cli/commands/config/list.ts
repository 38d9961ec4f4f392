import type { Config } from '../../config/load.js';
import { SETTING_KEYS, type SettingKey } from '../../config/settings.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { table } from '../../frame/table.js';

interface Line {
  readonly key: SettingKey;
  readonly value: string | number | null;
  readonly origin: string;
  readonly source: string;
}

function line(config: Config, key: SettingKey): Line {
  const { value, origin, source } = config.explain(key);
  return { key, value: value ?? null, origin, source };
}

export async function configList(ctx: Context, args: { readonly showOrigin: boolean }): Promise<CommandResult> {
  const config = await ctx.config();
  const lines = SETTING_KEYS.map((key) => line(config, key));
  const rows = lines.map(({ key, value, origin, source }) => [key, value === null ? '-' : String(value), ...(args.showOrigin ? [origin, source] : [])]);
  return {
    data: { settings: lines.map((one) => ({ ...one })) },
    text: table(['setting', 'value', ...(args.showOrigin ? ['origin', 'source'] : [])], rows),
  };
}

export async function configGet(ctx: Context, { key }: { readonly key: SettingKey }): Promise<CommandResult> {
  const found = line(await ctx.config(), key);
  return { data: { ...found }, text: found.value === null ? '' : String(found.value) };
}
