// Makes kubo.json with a real Kubo: node generate.js /path/to/ipfs > kubo.json
// The repository is a new one of the profile unixfs-v1-2025 in a temporary folder; no daemon, no network.
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ipfs = process.argv[2] ?? 'ipfs';
const home = mkdtempSync(join(tmpdir(), 'kubo-vectors-'));
const run = (...args) => execFileSync(ipfs, args, { env: { ...process.env, IPFS_PATH: join(home, 'repo') }, encoding: 'utf8' }).trim();

/** ChaCha20 key stream, key = SHA-256(seed), zero nonce: how Kubo's own tests make their files. */
const bytesOf = ({ sizeBytes, seed }) =>
  createCipheriv('chacha20', createHash('sha256').update(seed).digest(), Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));

const files = [
  { name: 'empty', sizeBytes: 0, seed: 'none' },
  { name: 'one byte', sizeBytes: 1, seed: 'r3mes-1' },
  { name: '1,000 bytes', sizeBytes: 1000, seed: 'r3mes-2' },
  { name: 'one chunk', sizeBytes: 1_048_576, seed: 'chunk-v1-seed' },
  { name: 'one chunk and a byte', sizeBytes: 1_048_577, seed: 'chunk-v1-seed' },
  { name: 'five chunks and a rest', sizeBytes: 5 * 1_048_576 + 12_345, seed: 'r3mes-5' },
];

const tree = [
  { path: 'b.txt', sizeBytes: 10, seed: 'b' },
  { path: 'a.txt', sizeBytes: 20, seed: 'a' },
  { path: 'Z.bin', sizeBytes: 1_048_577, seed: 'z' },
  { path: 'sub/deep/file', sizeBytes: 3, seed: 'f' },
  { path: 'sub/empty', sizeBytes: 0, seed: 'e' },
  { path: 'ığdır.txt', sizeBytes: 7, seed: 'i' },
  { path: 'a', sizeBytes: 4, seed: 'aa' },
];

try {
  run('init', '--profile=unixfs-v1-2025');
  for (const file of files) {
    writeFileSync(join(home, 'file'), bytesOf(file));
    file.cid = run('add', '-Q', join(home, 'file'));
  }
  for (const file of tree) {
    mkdirSync(dirname(join(home, 'tree', file.path)), { recursive: true });
    writeFileSync(join(home, 'tree', file.path), bytesOf(file));
  }
  // 4,765 × 55 + 65 + 4 bytes of dag-pb: exactly the 256 KiB at which a directory is still one block.
  const wide = { files: 4_766, nameDigits: 11, lastNameDigits: 21, content: 'x' };
  mkdirSync(join(home, 'wide'));
  for (let i = 0; i < wide.files; i++) {
    const digits = i === wide.files - 1 ? wide.lastNameDigits : wide.nameDigits;
    writeFileSync(join(home, 'wide', String(i).padStart(digits, '0')), wide.content);
  }
  const vectors = {
    version: 1,
    generator: 'test/vectors/unixfs/generate.js',
    source: run('version'),
    content: 'ChaCha20 key stream, key = SHA-256(seed), zero nonce and counter',
    files,
    directory: { entries: tree, cid: run('add', '-r', '-Q', join(home, 'tree')) },
    wideDirectory: { ...wide, cid: run('add', '-r', '-Q', join(home, 'wide')) },
    // From Kubo v0.42.0, test/cli/cid_profiles_test.go (MIT/Apache-2.0): facts about its profile unixfs-v1-2025.
    kuboOwn: [
      { name: 'hello world', text: 'hello world', cid: 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e' },
      { name: 'one chunk', sizeBytes: 1_048_576, seed: 'chunk-v1-seed', cid: 'bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta' },
      { name: 'one chunk and a byte', sizeBytes: 1_048_577, seed: 'chunk-v1-seed', cid: 'bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64' },
      { name: '1,024 chunks', sizeBytes: 1_073_741_824, seed: 'v1-2025-seed', cid: 'bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm' },
      { name: '1,024 chunks and a byte', sizeBytes: 1_073_741_825, seed: 'v1-2025-seed', cid: 'bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe' },
    ],
  };
  console.log(JSON.stringify(vectors, null, 1));
} finally {
  rmSync(home, { recursive: true, force: true });
}
