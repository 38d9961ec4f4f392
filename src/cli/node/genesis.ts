/** What a node needs to see in its genesis before it opens any database. */
import { readFile } from 'node:fs/promises';

import { z } from 'zod';

import type { ValidatorKey } from '../../chain/solo/index.js';
import { loadOrCreateValidatorKey } from '../../chain/solo/validator-key.js';
import { equalBytes, toHex } from '../../protocol/bytes.js';
import { InvalidInputError, R3mesError } from '../../protocol/errors.js';
import { type GenesisDoc, parseGenesisDoc } from '../../protocol/genesis-doc.js';
import { vrfPublicKey } from '../../protocol/vrf.js';
import { isMissing } from '../files/atomic.js';
import { fileExists } from '../files/exists.js';
import type { NodeHome } from './home.js';
import { readVrfSecret } from './vrf-key.js';

/** A genesis that the application or the reader refuses, with the file's name in front. */
export function genesisInvalid(file: string, error: InvalidInputError): R3mesError {
  return new R3mesError({
    code: 'GENESIS_INVALID',
    message: `${file}: ${error.message.replace(/^genesis( document)?: /, '')}`,
    hint: error.hint ?? 'correct the genesis file; nothing was written',
    cause: error,
  });
}

/** @throws R3mesError GENESIS_MISSING, GENESIS_INVALID, or WRONG_NETWORK where the settings name another chain. */
export async function readGenesis(file: string, network: string | undefined): Promise<GenesisDoc> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new R3mesError({
      code: 'GENESIS_MISSING',
      message: `there is no genesis file ${file}`,
      hint: 'make a chain with: r3mes init --role founder, or copy the genesis of the chain to run there',
    });
  }
  let genesis: GenesisDoc;
  try {
    genesis = parseGenesisDoc(text);
  } catch (error) {
    throw error instanceof InvalidInputError ? genesisInvalid(file, error) : error;
  }
  if (network !== undefined && network !== genesis.chainId) {
    throw new R3mesError({
      code: 'WRONG_NETWORK',
      message: `${file} is the genesis of chain ${genesis.chainId}, but the setting network says ${network}`,
      hint: `use the right genesis file, or run: r3mes config set network ${genesis.chainId}`,
    });
  }
  return genesis;
}

/** The beacon keys of the genesis, as far as they can be read here; the application checks them in full. */
const beaconSchema = z.object({
  training: z.object({
    beacon_keys: z.array(z.object({ consensus_address: z.base64(), vrf_public_key: z.base64() })),
  }),
});

/** The VRF key that the genesis says belongs to this validator. */
function expectedVrfKey(genesis: GenesisDoc, address: Uint8Array): Uint8Array | undefined {
  const parsed = beaconSchema.safeParse(genesis.appState);
  if (!parsed.success) return undefined;
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
  const entry = parsed.data.training.beacon_keys.find((key) => equalBytes(bytes(key.consensus_address), address));
  return entry === undefined ? undefined : bytes(entry.vrf_public_key);
}

export interface NodeKeys {
  readonly validatorKey: ValidatorKey;
  /** Only where the genesis has a VRF key for this validator. */
  readonly vrfSecret: Uint8Array | undefined;
}

/** @throws R3mesError SOLO_VALIDATORS where the solo engine cannot run a chain of this genesis. */
export function refuseManyValidators(genesis: GenesisDoc, file: string): void {
  if (genesis.validators.length <= 1) return;
  throw new R3mesError({
    code: 'SOLO_VALIDATORS',
    message: `${file} names ${genesis.validators.length} validators of chain ${genesis.chainId}; the solo engine seals blocks alone and expects exactly one`,
    hint: 'many validators agree through CometBFT, which drives the same application: r3mes node start --engine comet',
  });
}

/** The keys of this validator. @throws R3mesError VALIDATOR_KEY_MISSING or VRF_KEY_MISMATCH. */
export async function readNodeKeys(home: NodeHome, genesis: GenesisDoc): Promise<NodeKeys> {
  if (!(await fileExists(home.validatorKeyFile))) {
    throw new R3mesError({
      code: 'VALIDATOR_KEY_MISSING',
      message: `there is no validator key ${home.validatorKeyFile}`,
      hint: 'restore the key that belongs to this genesis from a backup; r3mes init makes one for a new chain',
    });
  }
  const validatorKey = await loadOrCreateValidatorKey(home.validatorKeyFile);
  const expected = expectedVrfKey(genesis, validatorKey.address);
  if (expected === undefined) return { validatorKey, vrfSecret: undefined };
  const vrfSecret = await readVrfSecret(home.vrfKeyFile);
  const seen = vrfSecret === undefined ? undefined : vrfPublicKey(vrfSecret);
  if (seen === undefined || !equalBytes(seen, expected)) {
    throw new R3mesError({
      code: 'VRF_KEY_MISMATCH',
      message: `expected ${home.vrfKeyFile} to hold the key of ${toHex(expected)}, which the genesis of ${genesis.chainId} names, got ${seen === undefined ? 'no file' : toHex(seen)}`,
      hint: 'restore the key that belongs to this genesis from a backup',
    });
  }
  return { validatorKey, vrfSecret };
}
