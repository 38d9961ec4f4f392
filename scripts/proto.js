// Generates src/protocol/gen from proto/ with ts-proto through buf, and beside it descriptors.ts: the same files as one
// descriptor set, from which the gateway reads routes and options. The cosmos and tendermint files come from the
// @protobufs packages; a file of ours with the same path wins (ABCI 2.0, params, what the SDK 0.50 has added).
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const staging = path.join(root, 'build', 'proto');
const out = path.join(root, 'src', 'protocol', 'gen');
const fresh = path.join(root, 'build', 'proto-gen');
const stampFile = path.join(out, '.stamp');

/** Files compiled besides our own; what they import comes along. */
const COSMOS_ROOTS = [
  'cosmos/auth/v1beta1/query.proto',
  'cosmos/authz/v1beta1/query.proto',
  'cosmos/bank/v1beta1/query.proto',
  'cosmos/bank/v1beta1/tx.proto',
  'cosmos/base/abci/v1beta1/abci.proto',
  'cosmos/base/tendermint/v1beta1/query.proto',
  'cosmos/crypto/ed25519/keys.proto',
  'cosmos/crypto/multisig/keys.proto',
  'cosmos/crypto/multisig/v1beta1/multisig.proto',
  'cosmos/crypto/secp256k1/keys.proto',
  'cosmos/distribution/v1beta1/genesis.proto',
  'cosmos/distribution/v1beta1/query.proto',
  'cosmos/distribution/v1beta1/tx.proto',
  'cosmos/evidence/v1beta1/evidence.proto',
  'cosmos/evidence/v1beta1/query.proto',
  'cosmos/feegrant/v1beta1/query.proto',
  'cosmos/gov/v1/genesis.proto',
  'cosmos/gov/v1/query.proto',
  'cosmos/gov/v1/tx.proto',
  'cosmos/gov/v1beta1/query.proto',
  'cosmos/gov/v1beta1/tx.proto',
  'cosmos/mint/v1beta1/genesis.proto',
  'cosmos/mint/v1beta1/query.proto',
  'cosmos/params/v1beta1/query.proto',
  'cosmos/slashing/v1beta1/genesis.proto',
  'cosmos/slashing/v1beta1/query.proto',
  'cosmos/slashing/v1beta1/tx.proto',
  'cosmos/staking/v1beta1/genesis.proto',
  'cosmos/staking/v1beta1/query.proto',
  'cosmos/staking/v1beta1/tx.proto',
  'cosmos/tx/v1beta1/service.proto',
  'cosmos/tx/v1beta1/tx.proto',
];

const TS_PROTO_OPTIONS = [
  'esModuleInterop=true',
  'importSuffix=.js',
  'forceLong=bigint',
  'env=both',
  'oneof=unions-value',
  'unrecognizedEnum=false',
  'outputServices=generic-definitions',
  'outputPartialMethods=true',
  'useExactTypes=false',
  'useDate=false',
  'removeEnumPrefix=true',
  'stringEnums=false',
  'useNullAsOptional=false',
];

function protoFiles(dir, base = dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) =>
    e.isDirectory()
      ? protoFiles(path.join(dir, e.name), base)
      : e.name.endsWith('.proto')
        ? [path.relative(base, path.join(dir, e.name)).split(path.sep).join('/')]
        : [],
  );
}

function stamp(ours) {
  const h = createHash('sha256').update(TS_PROTO_OPTIONS.join()).update(COSMOS_ROOTS.join());
  for (const f of ours) h.update(f).update(readFileSync(path.join(root, 'proto', f)));
  h.update(readFileSync(fileURLToPath(import.meta.url)));
  return h.digest('hex');
}

export function generate() {
  const ours = protoFiles(path.join(root, 'proto')).sort();
  const wanted = stamp(ours);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return;
  for (const folder of [staging, fresh]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  const vendored = path.join(root, 'node_modules', '@protobufs');
  if (!existsSync(vendored)) throw new Error(`${vendored} is missing: run npm ci`);
  for (const pkg of ['cosmos', 'cosmos_proto', 'gogoproto', 'google', 'tendermint', 'amino']) {
    for (const f of protoFiles(path.join(vendored, pkg))) {
      if (pkg === 'google' && f.startsWith('protobuf/')) continue; // buf has its own
      const to = path.join(staging, pkg, f);
      mkdirSync(path.dirname(to), { recursive: true });
      cpSync(path.join(vendored, pkg, f), to);
    }
  }
  cpSync(path.join(root, 'proto'), staging, { recursive: true });
  writeFileSync(path.join(staging, 'buf.yaml'), 'version: v2\n');
  writeFileSync(
    path.join(staging, 'buf.gen.yaml'),
    [
      'version: v2',
      'plugins:',
      `  - local: ${JSON.stringify(path.join(root, 'node_modules', '.bin', 'protoc-gen-ts_proto'))}`,
      `    out: ${JSON.stringify(fresh)}`,
      '    include_imports: true',
      `    include_wkt: true`,
      '    strategy: all',
      `    opt: ${JSON.stringify(TS_PROTO_OPTIONS)}`,
      '',
    ].join('\n'),
  );
  const paths = [...ours, ...COSMOS_ROOTS].flatMap((f) => ['--path', f]);
  buf(['generate', '.', '--template', 'buf.gen.yaml', ...paths]);
  const set = path.join(root, 'build', 'descriptors.binpb');
  buf(['build', '.', '--as-file-descriptor-set', '--exclude-source-info', '-o', set, ...paths]);
  writeFileSync(path.join(fresh, 'descriptors.ts'), descriptorsModule(readFileSync(set)));
  replaceGenerated();
  writeFileSync(stampFile, wanted);
}

function buf(args) {
  const r = spawnSync(path.join(root, 'node_modules', '.bin', 'buf'), args, { cwd: staging, stdio: 'inherit' });
  if (r.status !== 0) throw new Error(`buf ${args[0]} failed with status ${r.status ?? r.signal}`);
}

/** A module, since it is compiled and shipped like the rest; compressed to a tenth, since most of it is names. */
function descriptorsModule(bytes) {
  return [
    '/** All generated files as one google.protobuf.FileDescriptorSet, with their options: gzip, then base64. */',
    `export const DESCRIPTOR_SET = '${gzipSync(bytes, { level: 9 }).toString('base64')}';`,
    '',
  ].join('\n');
}

function filesOf(dir) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)));
}

/** Writes only what is new or different, and deletes what is gone: whoever compiles meanwhile sees whole files. */
function replaceGenerated() {
  const files = new Set(filesOf(fresh));
  for (const file of filesOf(out)) if (!files.has(file)) rmSync(path.join(out, file));
  for (const file of files) {
    const [from, to] = [path.join(fresh, file), path.join(out, file)];
    if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) continue;
    mkdirSync(path.dirname(to), { recursive: true });
    cpSync(from, to);
  }
  rmSync(fresh, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generate();
