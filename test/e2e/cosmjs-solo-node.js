// A solo node as a process of its own, from the compiled code: node cosmjs-solo-node.js HOME INTERVAL_MS
// Prints one line of JSON when it listens. HOME holds genesis.json; it is killed rather than stopped.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const [home, intervalMs] = process.argv.slice(2);
const dist = new URL('../../dist/', import.meta.url).href;
const load = (file) => import(dist + file);

const [{ createApp }, { createModules }, { LevelDatabase }, { SoloEngine, loadOrCreateValidatorKey }, { RpcServer }, { parseGenesisDoc }] = await Promise.all([
  load('chain/app/app.js'),
  load('chain/app/modules.js'),
  load('chain/store/level.js'),
  load('chain/solo/index.js'),
  load('chain/rpc/index.js'),
  load('protocol/genesis-doc.js'),
]);

const database = await LevelDatabase.open(path.join(home, 'state'));
const app = createApp({ database, ...createModules(readFileSync(path.join(home, 'vrf'))), report: console.error });
const engine = await SoloEngine.open({
  app,
  genesis: parseGenesisDoc(readFileSync(path.join(home, 'genesis.json'), 'utf8')),
  validatorKey: await loadOrCreateValidatorKey(path.join(home, 'priv_validator_key.json')),
  directory: path.join(home, 'blocks'),
  sealing: { kind: 'interval', intervalMs: Number(intervalMs) },
});
const rpc = await RpcServer.listen({ engine, port: 0, report: console.error });
engine.finished.catch((error) => {
  console.error(error);
  process.exit(1);
});
const loaded = engine.height;
engine.start();
console.log(JSON.stringify({ url: rpc.url, height: loaded.toString() }));
