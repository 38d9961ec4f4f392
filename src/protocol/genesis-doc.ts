/**
 * The genesis document: the file, in CometBFT's JSON, from which every node of a chain starts. Both engines read it; the
 * state machine gets only `app_state`.
 */
import { z } from 'zod';

import { equalBytes, fromHex, toHex } from './bytes.js';
import { InvalidInputError, R3mesError } from './errors.js';
import type { Timestamp } from './gen/google/protobuf/timestamp.js';
import type { ConsensusParams } from './gen/tendermint/types/params.js';
import { sha256 } from './hash.js';
import { formatRfc3339, parseRfc3339 } from './rfc3339.js';

/** JSON type of an ed25519 public key, as CometBFT writes it. */
export const ED25519_PUBKEY_TYPE = 'tendermint/PubKeyEd25519';
export const CONSENSUS_ADDRESS_BYTES = 20;
export const MAX_CHAIN_ID_CHARACTERS = 50;

const MAX_GENESIS_CHARACTERS = 64 * 1024 * 1024;
const MAX_VALIDATORS = 10_000;
const ED25519_KEY_BYTES = 32;
/** CometBFT's bounds: the size of a block, and a total voting power that no addition overflows. */
const MAX_BLOCK_BYTES = 104_857_600n;
const MAX_TOTAL_POWER = ((1n << 63n) - 1n) / 8n;
const I64_MAX = (1n << 63n) - 1n;
const NANOS_PER_SECOND = 1_000_000_000n;

export interface GenesisValidator {
  /** First 20 bytes of SHA-256 of the public key. */
  readonly address: Uint8Array;
  /** ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly power: bigint;
  readonly name: string;
}

export interface GenesisDoc {
  readonly genesisTime: Timestamp;
  readonly chainId: string;
  /** Height of the first block. */
  readonly initialHeight: bigint;
  readonly consensusParams: ConsensusParams;
  readonly validators: readonly GenesisValidator[];
  /** Used for the header of the first block unless InitChain answers another. */
  readonly appHash: Uint8Array;
  /** One JSON value a module; the modules check it. */
  readonly appState: Readonly<Record<string, unknown>>;
}

/** CometBFT's parameters, with blocks that a laptop builds in time. */
export const DEFAULT_CONSENSUS_PARAMS: ConsensusParams = {
  block: { maxBytes: 22_020_096n, maxGas: -1n },
  evidence: { maxAgeNumBlocks: 100_000n, maxAgeDuration: { seconds: 172_800n, nanos: 0 }, maxBytes: 1_048_576n },
  validator: { pubKeyTypes: ['ed25519'] },
  version: { app: 0n },
  abci: { voteExtensionsEnableHeight: 0n },
};

/** Address of a validator: first 20 bytes of SHA-256 of its ed25519 key. */
export function consensusAddress(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).subarray(0, CONSENSUS_ADDRESS_BYTES);
}

const int64 = z
  .union([z.string().regex(/^-?[0-9]{1,19}$/, 'expected an integer as text'), z.int()])
  .transform((value) => BigInt(value))
  .refine((value) => value <= I64_MAX && value >= -I64_MAX, 'expected a signed 64-bit integer');
const atLeast = (minimum: bigint) => int64.refine((value) => value >= minimum, `expected an integer of at least ${minimum}`);

const hexBytes = z.string().max(128).transform((text, issues): Uint8Array => {
  try {
    return fromHex(text);
  } catch (error) {
    if (!(error instanceof R3mesError)) throw error;
    issues.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
});

const time = z.string().transform((text, issues): Timestamp => {
  try {
    return parseRfc3339(text);
  } catch (error) {
    if (!(error instanceof R3mesError)) throw error;
    issues.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
});

const publicKey = z.strictObject({
  type: z.literal(ED25519_PUBKEY_TYPE, `expected ${ED25519_PUBKEY_TYPE}, the one kind of consensus key here`),
  value: z
    .base64('expected base64')
    .max(64)
    .transform((text) => new Uint8Array(Buffer.from(text, 'base64')))
    .refine((bytes) => bytes.length === ED25519_KEY_BYTES, `expected ${ED25519_KEY_BYTES} bytes in base64`),
});

const validator = z
  .strictObject({
    address: hexBytes.default(new Uint8Array()),
    pub_key: publicKey,
    power: atLeast(1n),
    name: z.string().max(100).default(''),
  })
  .transform((given, issues): GenesisValidator => {
    const address = consensusAddress(given.pub_key.value);
    if (given.address.length !== 0 && !equalBytes(given.address, address)) {
      issues.addIssue({
        code: 'custom',
        path: ['address'],
        message: `expected ${toHex(address).toUpperCase()}, the address of its pub_key, got ${toHex(given.address).toUpperCase()}`,
      });
    }
    return { address, publicKey: given.pub_key.value, power: given.power, name: given.name };
  });

const blockParams = z.strictObject({
  max_bytes: int64.refine(
    (value) => value === -1n || (value >= 1n && value <= MAX_BLOCK_BYTES),
    `expected -1 or 1 to ${MAX_BLOCK_BYTES}`,
  ),
  max_gas: atLeast(-1n),
});

const evidenceParams = z.strictObject({
  max_age_num_blocks: atLeast(1n),
  max_age_duration: atLeast(1n),
  max_bytes: atLeast(0n),
});

const consensusParams = z
  .strictObject({
    block: blockParams.optional(),
    evidence: evidenceParams.optional(),
    validator: z.strictObject({ pub_key_types: z.array(z.literal('ed25519')).length(1) }).optional(),
    version: z.strictObject({ app: atLeast(0n).default(0n) }).optional(),
    abci: z.strictObject({ vote_extensions_enable_height: atLeast(0n).default(0n) }).optional(),
  })
  .transform((given): ConsensusParams => ({
    block:
      given.block === undefined
        ? DEFAULT_CONSENSUS_PARAMS.block
        : { maxBytes: given.block.max_bytes, maxGas: given.block.max_gas },
    evidence:
      given.evidence === undefined
        ? DEFAULT_CONSENSUS_PARAMS.evidence
        : {
            maxAgeNumBlocks: given.evidence.max_age_num_blocks,
            maxAgeDuration: {
              seconds: given.evidence.max_age_duration / NANOS_PER_SECOND,
              nanos: Number(given.evidence.max_age_duration % NANOS_PER_SECOND),
            },
            maxBytes: given.evidence.max_bytes,
          },
    validator: { pubKeyTypes: ['ed25519'] },
    version: { app: given.version?.app ?? 0n },
    abci: { voteExtensionsEnableHeight: given.abci?.vote_extensions_enable_height ?? 0n },
  }));

const genesis = z
  .strictObject({
    genesis_time: time,
    chain_id: z
      .string()
      .max(MAX_CHAIN_ID_CHARACTERS)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, dots, dashes and underscores, beginning with a letter or digit'),
    // CometBFT reads 0 as 1.
    initial_height: atLeast(0n).default(1n).transform((height) => (height === 0n ? 1n : height)),
    consensus_params: consensusParams.default(DEFAULT_CONSENSUS_PARAMS),
    validators: z.array(validator).max(MAX_VALIDATORS).default([]),
    app_hash: hexBytes.default(new Uint8Array()),
    app_state: z.record(z.string(), z.unknown()).default({}),
  })
  .transform((given, issues): GenesisDoc => {
    const seen = new Set<string>();
    let total = 0n;
    for (const [index, one] of given.validators.entries()) {
      total += one.power;
      if (seen.has(toHex(one.address))) {
        issues.addIssue({ code: 'custom', path: ['validators', index], message: 'this validator is listed twice' });
      }
      seen.add(toHex(one.address));
    }
    if (total > MAX_TOTAL_POWER) {
      issues.addIssue({ code: 'custom', path: ['validators'], message: `expected a total power of at most ${MAX_TOTAL_POWER}, got ${total}` });
    }
    return {
      genesisTime: given.genesis_time,
      chainId: given.chain_id,
      initialHeight: given.initial_height,
      consensusParams: given.consensus_params,
      validators: given.validators,
      appHash: given.app_hash,
      appState: given.app_state,
    };
  });

function fieldPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`;
  return text === '' ? 'the document' : text;
}

/**
 * Reads a genesis document.
 * @throws InvalidInputError naming every wrong field by its path, at most five.
 */
export function parseGenesisDoc(text: string): GenesisDoc {
  if (text.length > MAX_GENESIS_CHARACTERS) {
    throw new InvalidInputError(`expected a genesis document of at most ${MAX_GENESIS_CHARACTERS} characters, got ${text.length}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new InvalidInputError(`the genesis document is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = genesis.safeParse(json);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const shown = issues.slice(0, 5).map((issue) => `${fieldPath(issue.path)}: ${issue.message}`);
  const more = issues.length > shown.length ? `; and ${issues.length - shown.length} more` : '';
  throw new InvalidInputError(`genesis document: ${shown.join('; ')}${more}`, 'correct the genesis file; nothing was written');
}

/** Consensus parameters in CometBFT's JSON. */
export function consensusParamsToJson(params: ConsensusParams): Record<string, unknown> {
  const age = params.evidence?.maxAgeDuration;
  return {
    block: { max_bytes: String(params.block?.maxBytes ?? 0n), max_gas: String(params.block?.maxGas ?? 0n) },
    evidence: {
      max_age_num_blocks: String(params.evidence?.maxAgeNumBlocks ?? 0n),
      max_age_duration: String((age?.seconds ?? 0n) * NANOS_PER_SECOND + BigInt(age?.nanos ?? 0)),
      max_bytes: String(params.evidence?.maxBytes ?? 0n),
    },
    validator: { pub_key_types: params.validator?.pubKeyTypes ?? [] },
    version: { app: String(params.version?.app ?? 0n) },
    abci: { vote_extensions_enable_height: String(params.abci?.voteExtensionsEnableHeight ?? 0n) },
  };
}

/** The document as JSON; `parseGenesisDoc` of its text gives the same document. */
export function genesisDocToJson(doc: GenesisDoc): Record<string, unknown> {
  return {
    genesis_time: formatRfc3339(doc.genesisTime),
    chain_id: doc.chainId,
    initial_height: doc.initialHeight.toString(),
    consensus_params: consensusParamsToJson(doc.consensusParams),
    validators: doc.validators.map((one) => ({
      address: toHex(one.address).toUpperCase(),
      pub_key: { type: ED25519_PUBKEY_TYPE, value: Buffer.from(one.publicKey).toString('base64') },
      power: one.power.toString(),
      name: one.name,
    })),
    app_hash: toHex(doc.appHash).toUpperCase(),
    app_state: doc.appState,
  };
}
