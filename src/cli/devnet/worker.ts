/** Process of one role of a devnet: a miner, the proposers or the verifiers. Ends with its parent. */
import { readFile } from 'node:fs/promises';

import { ChainClient, signerFromPrivateKey } from '../../client/index.js';
import { R3mesError } from '../../protocol/errors.js';
import { taggedHash } from '../../protocol/hash.js';
import { Assets } from '../../roles/assets.js';
import { chainView, createSender } from '../../roles/chain-view.js';
import { createMiner } from '../../roles/miner.js';
import { createProposer } from '../../roles/proposer.js';
import type { Role, RoleDeps } from '../../roles/role.js';
import { runRoles } from '../../roles/runner.js';
import { createVerifier } from '../../roles/verifier.js';
import { Work } from '../../roles/work.js';
import { MeteredStore, openLocalStore } from '../../storage/index.js';
import { isMissing, writeFileAtomic } from '../files/atomic.js';
import { cheatingProducer } from './cheat.js';
import type { WorkerAccount, WorkerMessage, WorkerStart } from './worker-protocol.js';

const SIM_DEVICE = { backend: 'sim', name: 'devnet', architecture: '', driver: '' };

function tell(message: WorkerMessage): void {
  process.send?.(message);
}

async function createRole(start: WorkerStart, account: WorkerAccount, client: ChainClient, shared: Omit<RoleDeps, 'sender'>): Promise<Role> {
  const signer = await signerFromPrivateKey(account.privateKey);
  const sender = createSender(client, signer, taggedHash('salt-seed', account.privateKey));
  const deps = { ...shared, sender };
  if (account.part === 'proposer') return createProposer(deps);
  if (account.part === 'verifier') return createVerifier(deps);
  const honest = { device: SIM_DEVICE, lastWindow: start.lastWindow };
  if (account.cheat === undefined) return createMiner(deps, honest);
  return createMiner(deps, { ...honest, produce: cheatingProducer(account.cheat, shared.chain, shared.work) });
}

async function bytesMovedBefore(file: string): Promise<bigint> {
  try {
    return BigInt(await readFile(file, 'utf8'));
  } catch (error) {
    if (isMissing(error)) return 0n;
    throw error;
  }
}

async function run(start: WorkerStart): Promise<void> {
  const client = await ChainClient.connect(start.nodeUrl, { otherUrls: start.otherUrls });
  const store = await openLocalStore(start.content);
  const artifacts = new MeteredStore(store);
  const before = await bytesMovedBefore(start.trafficFile);
  let written = before;
  const chain = chainView(client);
  const work = new Work(chain, new Assets(chain, { inputs: store, artifacts }, {}));
  const shared = { chain, work, emit: (event: RoleDeps['emit'] extends (e: infer E) => void ? E : never) => tell({ type: 'event', event }) };
  const roles: Role[] = [];
  for (const account of start.accounts) roles.push(await createRole(start, account, client, shared));
  if (start.isPaced) await client.join(start.role);
  const forever = new AbortController();
  await runRoles(roles, client.blocks(forever.signal), {
    emit: shared.emit,
    afterHeight: async (height) => {
      const moved = before + artifacts.bytesMoved;
      if (moved !== written) await writeFileAtomic(start.trafficFile, moved.toString());
      written = moved;
      if (start.isPaced) await client.ready(start.role, height);
    },
  });
}

process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the parent decides when we end
process.on('message', (start: WorkerStart) => {
  run(start).catch((error: unknown) => {
    const code = error instanceof R3mesError ? error.code : 'INTERNAL';
    tell({ type: 'fatal', code, message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exitCode = 1;
    process.disconnect();
  });
});
