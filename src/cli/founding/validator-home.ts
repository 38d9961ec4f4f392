/** The home of a validator that will found a network with others: keys, CometBFT's configuration and a genesis. */
import { renderConfig } from '../../chain/comet/config.js';
import { newNodeKey, NOTHING_SIGNED } from '../../chain/comet/files.js';
import { ValidatorKey } from '../../chain/solo/validator-key.js';
import { R3mesError } from '../../protocol/errors.js';
import { createFileAtomic, SECRET_FILE } from '../files/atomic.js';
import { fileExists } from '../files/exists.js';
import type { NodeHome } from '../node/home.js';
import type { ListenAddress } from '../node/listen-address.js';
import { createVrfSecret } from '../node/vrf-key.js';

export interface ValidatorHomeOptions {
  readonly home: NodeHome;
  readonly moniker: string;
  readonly p2p: ListenAddress;
  readonly rpc: ListenAddress;
  /** `id@host:port` each. */
  readonly peers: readonly string[];
  /** From a block's commit to the next proposal. */
  readonly commitMs: number;
  /** Text of the genesis file. */
  readonly genesis: (vrfSecret: Uint8Array) => Promise<string>;
}

export interface ValidatorHome {
  readonly nodeId: string;
  readonly validatorKey: ValidatorKey;
}

/** Whoever owned keys here goes on owning them. @throws R3mesError FILE_EXISTS naming the first file that is there. */
export async function refuseUsedHome(home: NodeHome): Promise<void> {
  for (const file of [home.validatorKeyFile, home.vrfKeyFile, home.nodeKeyFile, home.signStateFile, home.cometConfigFile, home.genesisFile, home.chain]) {
    if (!(await fileExists(file))) continue;
    throw new R3mesError({ code: 'FILE_EXISTS', message: `${file} exists; node init overwrites nothing`, hint: 'choose another --home, or move the file away yourself' });
  }
}

const address = ({ host, port }: ListenAddress): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
const isLoopback = ({ host }: ListenAddress): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** Genesis last: without it there is no node. @throws R3mesError FILE_EXISTS, and what `genesis` throws. */
export async function makeValidatorHome({ home, moniker, p2p, rpc, peers, commitMs, genesis }: ValidatorHomeOptions): Promise<ValidatorHome> {
  await refuseUsedHome(home);
  const validatorKey = ValidatorKey.generate();
  const nodeKey = newNodeKey();
  await createFileAtomic(home.validatorKeyFile, validatorKey.toFile(), SECRET_FILE);
  await createFileAtomic(home.nodeKeyFile, nodeKey.text, SECRET_FILE);
  await createFileAtomic(home.signStateFile, NOTHING_SIGNED, SECRET_FILE);
  const vrfSecret = await createVrfSecret(home.vrfKeyFile);
  await createFileAtomic(home.cometConfigFile, renderConfig({ moniker, rpc: address(rpc), p2p: address(p2p), persistentPeers: peers, commitMs, loopback: isLoopback(p2p) }));
  await createFileAtomic(home.genesisFile, await genesis(vrfSecret));
  return { nodeId: nodeKey.id, validatorKey };
}
