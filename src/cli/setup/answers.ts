/** The questions of `init`. Each is answered by a flag, a variable, a file, or the person at the terminal. */
import type { Config } from '../config/load.js';
import { parseSetting, type SettingValues } from '../config/schema.js';
import { DEVICES, flagName, type SettingKey, SETTING_KEYS, SETTINGS } from '../config/settings.js';
import type { Context } from '../frame/context.js';
import { usageError } from '../frame/errors.js';
import type { Choice } from '../frame/prompt.js';

/** Chain id of a chain on one machine, where no other is given. */
export const LOCAL_NETWORK = 'r3mes-local';

const ROLE_CHOICES: readonly Choice[] = [
  { value: 'miner', label: 'miner: train for pay' },
  { value: 'founder', label: 'founder: begin a chain of my own, with coins and a model' },
  { value: 'validator', label: 'validator: run the chain' },
  { value: 'aggregator', label: 'aggregator: add up what miners send' },
];

const DEVICE_LABELS: Readonly<Record<(typeof DEVICES)[number], string>> = { auto: 'whatever is fastest here', cpu: 'the processor', cuda: 'an NVIDIA GPU' };

export type Answers = Partial<SettingValues> & Pick<SettingValues, 'role' | 'network' | 'device' | 'node' | 'store'>;

/** What is decided already, by whomever; a default is not a decision. */
export function decided<K extends SettingKey>(config: Config, key: K): SettingValues[K] | undefined {
  const { value, origin } = config.explain(key);
  return origin === 'default' ? undefined : value;
}

/**
 * A flag does not change what the file says.
 * @throws R3mesError USAGE naming both values and the command that changes it.
 */
export function refuseChanges(config: Config, file: Partial<SettingValues>): void {
  for (const key of SETTING_KEYS) {
    const { value, origin } = config.explain(key);
    const before = file[key];
    if (origin !== 'flag' || before === undefined || value === before) continue;
    throw usageError(`${flagName(key)} ${String(value)}: ${config.userFile} says ${String(before)}, and init overwrites nothing`, `change it with: r3mes config set ${key} ${String(value)}`);
  }
}

/**
 * Asks what is not decided.
 * @param genesisChain chain id of a genesis that is there already.
 */
export async function askSettings(ctx: Context, config: Config, genesisChain: string | undefined): Promise<Answers> {
  const { prompt } = ctx;
  const role =
    decided(config, 'role') ??
    parseSetting('role', await prompt.select({ message: 'what does this machine do', flag: '--role ROLE', choices: ROLE_CHOICES, fallback: 'miner' }), '--role');
  const given = decided(config, 'network') ?? genesisChain;
  const network =
    given ??
    (await prompt.text({
      message: role === 'founder' ? 'chain id of the new chain' : 'chain id of the network',
      flag: '--network ID',
      fallback: LOCAL_NETWORK,
      check: (text) => refusal('network', text),
    }));
  const device =
    decided(config, 'device') ??
    parseSetting(
      'device',
      await prompt.select({ message: 'what computes', flag: '--device KIND', choices: DEVICES.map((value) => ({ value, label: `${value}: ${DEVICE_LABELS[value]}` })), fallback: 'auto' }),
      '--device',
    );
  const node = decided(config, 'node') ?? (await askNode(ctx, role));
  const payout = decided(config, 'payout');
  return { role, network: parseSetting('network', network, '--network'), device, node, store: decided(config, 'store') ?? 'embedded', ...(payout === undefined ? {} : { payout }) };
}

/** Only who works for a chain elsewhere is asked; nobody else's script has to answer. */
async function askNode(ctx: Context, role: SettingValues['role']): Promise<string> {
  const fallback = SETTINGS.node.fallback;
  if (!ctx.person || role === 'founder' || role === 'validator') return fallback;
  return ctx.prompt.text({ message: 'RPC address of a node of that network', flag: '--node URL', fallback, check: (text) => refusal('node', text) });
}

function refusal(key: SettingKey, text: string): string | undefined {
  try {
    parseSetting(key, text, flagName(key));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
