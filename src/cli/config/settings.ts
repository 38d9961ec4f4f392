/**
 * The settings: what a flag, the environment, a file or nobody decides. This table is the only place that names them;
 * flags (`--gas-price`), variables (`R3MES_GAS_PRICE`), file keys (`gasPrice`), defaults and docs/cli.md follow from it,
 * and `schema.ts` must have a rule for every key or it does not compile. It stays free of zod, which costs more to load
 * than `r3mes --help` may take.
 */
export interface SettingInfo {
  readonly summary: string;
  readonly placeholder: string;
  /** Text as a flag would give it; none where there is no default. */
  readonly fallback?: string;
}

export const ROLES = ['miner', 'validator', 'founder', 'aggregator'] as const;
export const DEVICES = ['auto', 'cpu', 'cuda'] as const;

export const SETTINGS = {
  role: { summary: `what this machine does: ${ROLES.join(', ')}`, placeholder: 'ROLE' },
  network: { summary: 'chain id; a node of another chain is refused', placeholder: 'ID' },
  node: { summary: 'RPC address of the node to ask', placeholder: 'URL', fallback: 'http://127.0.0.1:26657' },
  wallet: { summary: 'wallet that signs; the only one there is, if not named', placeholder: 'NAME' },
  payout: { summary: 'cold address that rewards go to; the wallet itself, if not named', placeholder: 'ADDRESS' },
  store: { summary: 'content store: embedded', placeholder: 'KIND', fallback: 'embedded' },
  device: { summary: `what computes: ${DEVICES.join(', ')} or cuda:N`, placeholder: 'KIND', fallback: 'auto' },
  threads: { summary: 'compute threads; 0 takes every core', placeholder: 'N', fallback: '0' },
  gasPrice: { summary: 'what a unit of gas may cost', placeholder: 'PRICE', fallback: '0.0025uremes' },
} as const satisfies Record<string, SettingInfo>;

export type SettingKey = keyof typeof SETTINGS;

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

export function isSettingKey(text: string): text is SettingKey {
  return Object.hasOwn(SETTINGS, text);
}

/** `gasPrice` → `gas-price` */
export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
}

/** The flag of a setting or option: `--gas-price`. */
export function flagName(key: string): string {
  return `--${kebab(key)}`;
}

/** The environment variable of a setting or option: `R3MES_GAS_PRICE`. */
export function envName(key: string): string {
  return `R3MES_${kebab(key).replaceAll('-', '_').toUpperCase()}`;
}
