/** A network of several validators on this machine: a home for each, one genesis, and who connects to whom. */
import { createServer, type Server } from 'node:net';
import path from 'node:path';

import { renderConfig } from '../../chain/comet/config.js';
import { newNodeKey, NOTHING_SIGNED } from '../../chain/comet/files.js';
import { ValidatorKey } from '../../chain/solo/validator-key.js';
import { R3mesError } from '../../protocol/errors.js';
import { genesisDocToJson } from '../../protocol/genesis-doc.js';
import { type ProfileName, UREMES_PER_REMES } from '../../protocol/params.js';
import { resolvePaths } from '../config/paths.js';
import { createFileAtomic, SECRET_FILE } from '../files/atomic.js';
import { fileExists } from '../files/exists.js';
import { checkGenesis, foundChain } from '../setup/found.js';
import { plainKey } from '../wallet/keystore.js';
import { keyOfMnemonic, newMnemonic } from '../wallet/mnemonic.js';
import { Wallets } from '../wallet/wallets.js';
import { type NodeHome, nodeHome } from './home.js';
import { createVrfSecret } from './vrf-key.js';

const HOST = '127.0.0.1';
/** From one node's ports to the next one's: peers, then RPC. */
const PORTS_PER_NODE = 10;
/** Of every operator but the first, who has the rest. */
const OPERATOR_COINS = 1_000_000n * UREMES_PER_REMES;
/** What every operator delegates to its own validator, in whole REMES: its voting power. */
const STAKE_REMES = 100_000n;
const WALLET = 'operator';

export interface TestnetOptions {
  readonly folder: string;
  readonly chainId: string;
  readonly profile: ProfileName;
  readonly validators: number;
  /** First port; 0: any free ones. */
  readonly basePort: number;
  /** From a block's commit to the next proposal. */
  readonly blockMs: number;
  /** Other accounts of the genesis, in uremes by address. */
  readonly accounts: ReadonlyMap<string, bigint>;
  readonly step: (what: string) => void;
  readonly signal: AbortSignal;
}

export interface TestnetNode {
  readonly name: string;
  /** What `--home` takes. */
  readonly root: string;
  readonly nodeId: string;
  readonly p2p: string;
  readonly rpc: string;
  /** Account of the wallet `operator` of this home. */
  readonly address: string;
  readonly validator: ValidatorKey;
}

/** So many ports that nobody uses now; all are held until all are known. */
async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  const ports: number[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, HOST, resolve);
    });
    const address = server.address();
    if (typeof address === 'object' && address !== null) ports.push(address.port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

async function portsOf({ basePort, validators }: Pick<TestnetOptions, 'basePort' | 'validators'>): Promise<number[]> {
  if (basePort === 0) return freePorts(2 * validators);
  return Array.from({ length: validators }, (_, i) => [basePort + i * PORTS_PER_NODE, basePort + i * PORTS_PER_NODE + 1]).flat();
}

/** A node whose keys are made, and whose genesis is still to be written. */
export interface MadeNode extends TestnetNode {
  readonly home: NodeHome;
  readonly vrfSecret: Uint8Array;
}

/** Keys and wallet of one node. */
async function makeKeys(root: string, name: string, ports: readonly [number, number]): Promise<MadeNode> {
  const paths = resolvePaths(root, {}, '/');
  const home = nodeHome(paths);
  const validator = ValidatorKey.generate();
  const nodeKey = newNodeKey();
  await createFileAtomic(home.validatorKeyFile, validator.toFile(), SECRET_FILE);
  await createFileAtomic(home.nodeKeyFile, nodeKey.text, SECRET_FILE);
  await createFileAtomic(home.signStateFile, NOTHING_SIGNED, SECRET_FILE);
  const vrfSecret = await createVrfSecret(home.vrfKeyFile);
  const { address } = await new Wallets(paths.wallets).add(WALLET, plainKey(await keyOfMnemonic(newMnemonic())));
  return { name, root, home, nodeId: nodeKey.id, p2p: `${HOST}:${ports[0]}`, rpc: `${HOST}:${ports[1]}`, address, validator, vrfSecret };
}

async function refuseExisting(folder: string): Promise<void> {
  if (!(await fileExists(folder))) return;
  throw new R3mesError({ code: 'FILE_EXISTS', message: `${folder} exists; a network is never overwritten`, hint: 'choose another --output, or move the folder away yourself' });
}

/** The genesis that all nodes start from; model and data lie in the first one's content store. */
async function makeGenesis(options: TestnetOptions, nodes: readonly [MadeNode, ...MadeNode[]]): Promise<string> {
  const { chainId, profile, step, signal } = options;
  const [first, ...others] = nodes;
  const keysOf = ({ validator, vrfSecret, name, address }: MadeNode) => ({ validatorKey: validator, vrfSecret, name, stake: { operator: address, remes: STAKE_REMES } });
  const genesis = await foundChain({
    chainId,
    profile,
    founder: first.address,
    accounts: new Map([...options.accounts, ...others.map(({ address }) => [address, OPERATOR_COINS] as const)]),
    validators: [keysOf(first), ...others.map(keysOf)],
    content: resolvePaths(first.root, {}, '/').content,
    nowMs: Date.now(),
    step,
    signal,
  });
  await checkGenesis(genesis, first.home.genesisFile);
  return `${JSON.stringify(genesisDocToJson(genesis), undefined, 2)}\n`;
}

/** Homes with keys and ports: node0, node1, … in the folder. */
export async function makeNodes(options: Pick<TestnetOptions, 'folder' | 'basePort' | 'validators'>): Promise<readonly [MadeNode, ...MadeNode[]]> {
  const ports = await portsOf(options);
  const nodes: MadeNode[] = [];
  for (let i = 0; i < options.validators; i++) {
    const name = `node${i}`;
    nodes.push(await makeKeys(path.join(options.folder, name), name, [ports[2 * i] ?? 0, ports[2 * i + 1] ?? 0]));
  }
  const [first, ...others] = nodes;
  if (first === undefined) throw new Error('expected at least one validator');
  return [first, ...others];
}

/** Lets nodes know each other and the genesis. @param genesis text of the file. */
export async function joinNodes(nodes: readonly MadeNode[], genesis: string, blockMs: number): Promise<void> {
  for (const node of nodes) {
    const persistentPeers = nodes.filter((other) => other !== node).map(({ nodeId, p2p }) => `${nodeId}@${p2p}`);
    await createFileAtomic(node.home.cometConfigFile, renderConfig({ moniker: node.name, rpc: node.rpc, p2p: node.p2p, persistentPeers, commitMs: blockMs, loopback: true }));
    await createFileAtomic(node.home.genesisFile, genesis); // last: without it there is no node
  }
}

/** @throws R3mesError FILE_EXISTS where the folder is there. */
export async function makeTestnet(options: TestnetOptions): Promise<readonly TestnetNode[]> {
  await refuseExisting(options.folder);
  options.step('ports and keys');
  const nodes = await makeNodes(options);
  await joinNodes(nodes, await makeGenesis(options, nodes), options.blockMs);
  return nodes;
}
