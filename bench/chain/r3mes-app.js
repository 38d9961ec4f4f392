// Our application in its own process, as `r3mes node start --engine comet` runs it, on a chain with any number of miners.
import process from 'node:process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { buildAppState } from '../../dist/chain/app/genesis-state.js';
import { ValidatorKey } from '../../dist/chain/solo/validator-key.js';
import { APP_ENTRY } from '../../dist/cli/node/app-child.js';
import { nodeHome } from '../../dist/cli/node/home.js';
import { APP_HEAP_ARGS, SMALL_MALLOC_ENV } from '../../dist/cli/node/memory.js';
import { createVrfSecret } from '../../dist/cli/node/vrf-key.js';
import { resolvePaths } from '../../dist/cli/config/paths.js';
import { utf8 } from '../../dist/protocol/bytes.js';
import { cidOfBytes } from '../../dist/protocol/cid.js';
import { DEFAULT_CONSENSUS_PARAMS, genesisDocToJson } from '../../dist/protocol/genesis-doc.js';
import { QueryAccountRequest, QueryAccountResponse } from '../../dist/protocol/gen/cosmos/auth/v1beta1/query.js';
import { BaseAccount } from '../../dist/protocol/gen/cosmos/auth/v1beta1/auth.js';
import { Model } from '../../dist/protocol/gen/remes/remes/v1/model.js';
import { QueryGetJobsRequest, QueryGetJobsResponse, QueryGetWindowRequest, QueryGetWindowResponse } from '../../dist/protocol/gen/remes/remes/v1/query.js';
import { MsgSubmitGradient } from '../../dist/protocol/gen/remes/remes/v1/tx.js';
import { WindowPhase } from '../../dist/protocol/gen/remes/remes/v1/training_window.js';
import { taggedHash } from '../../dist/protocol/hash.js';
import { profile } from '../../dist/protocol/params.js';
import { vrfPublicKey } from '../../dist/protocol/vrf.js';
import { AbciClient } from './abci.js';
import { makeAccounts, sendMessage, sign } from './accounts.js';
import { Subject } from './subject.js';

const CHAIN_ID = 'r3mes-bench';
const DENOM = 'uremes';
const FEE = { chainId: CHAIN_ID, denom: DENOM, fee: 1000n, gas: 400_000n };
const ANY_CID = cidOfBytes(utf8('anything')).toString();
const STAKE = 1_000_000_000n;
const BALANCE = 20_000_000_000n;
const GENESIS_SECONDS = 1_700_000_000n;

/**
 * The network's parameters, but windows that last four blocks: one to submit in, one that ends collecting, and two in
 * which the window is closed (nobody attests) and the next one opens with a job for every miner.
 */
function benchProfile(miners) {
  const params = profile('network');
  params.training = { ...params.training, collectingBlocks: 2n, maxGradientsPerBlock: Math.max(2000, miners) };
  params.aggregation = { ...params.aggregation, attestingBlocks: 2n };
  params.challenge = { ...params.challenge, challengeBlocks: 6n, layer2Blocks: 3n, layer3Blocks: 6n, appealBlocks: 6n, reportRevealBlocks: 1n };
  return params;
}

function model() {
  return Model.fromPartial({
    id: 1n,
    name: 'bench',
    backboneCid: ANY_CID,
    tokenizerCid: ANY_CID,
    sequenceLength: 256,
    arithmeticVersion: 1,
    vocabSize: 1024,
    layerCount: 4,
    lora: { rank: 8, alpha: 16, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] },
    optimizer: {
      learningRateBits: 0x3b03126f,
      beta1Bits: 0x3f666666,
      beta2Bits: 0x3f7fbe77,
      epsilonBits: 0x322bcc77,
      weightDecayBits: 0x3c23d70a,
      clipNormBits: 0x3f800000,
    },
    adapterParameters: 155_648n,
    fullParameters: 3_563_776n,
    adapterCid: ANY_CID,
  });
}

async function makeHome(directory, accounts) {
  const home = nodeHome(resolvePaths(directory, {}, '/'));
  const validator = ValidatorKey.generate();
  await mkdir(path.dirname(home.validatorKeyFile), { recursive: true });
  await writeFile(home.validatorKeyFile, validator.toFile(), { mode: 0o600 });
  const vrfSecret = await createVrfSecret(home.vrfKeyFile);
  const appState = buildAppState({
    profile: benchProfile(accounts.length),
    balances: new Map(accounts.map(({ address }) => [address, BALANCE])),
    nodes: accounts.map(({ address }) => ({ address, part: 'PART_MINER', stake: STAKE })),
    models: [model()],
    datasets: [{ name: 'bench', manifestCid: ANY_CID, tokenizerCid: ANY_CID, chunkTokens: 256, trainingChunks: accounts.length, heldOutChunks: 1 }],
    beacon: taggedHash('bench-beacon'),
    beaconKeys: [{ consensusAddress: validator.address, vrfPublicKey: vrfPublicKey(vrfSecret) }],
  });
  const genesis = {
    genesisTime: { seconds: GENESIS_SECONDS, nanos: 0 },
    chainId: CHAIN_ID,
    initialHeight: 1n,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    validators: [validator.genesisValidator()],
    appHash: new Uint8Array(),
    appState,
  };
  await mkdir(path.dirname(home.genesisFile), { recursive: true });
  await mkdir(home.chain, { recursive: true });
  await writeFile(home.genesisFile, JSON.stringify(genesisDocToJson(genesis)));
  return { home, genesis, validator };
}

export class R3mesApp extends Subject {
  #child;
  #window;
  #jobs = new Map();

  /** @param nodeArgs V8 flags beside those that a node gives its application. */
  static async start(directory, miners, nodeArgs) {
    const accounts = makeAccounts(miners, 'remes');
    const { home, genesis, validator } = await makeHome(directory, accounts);
    const flags = [...APP_HEAP_ARGS, ...nodeArgs];
    const child = fork(APP_ENTRY, [home.state], { execArgv: flags, env: { ...SMALL_MALLOC_ENV, ...process.env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const ready = new Promise((resolve, reject) => {
      child.on('message', (message) => {
        if (message.type === 'ready') resolve(message);
        else if (message.type === 'failed') reject(new Error(message.error.message));
        else if (message.type === 'report') console.error(message.text);
      });
      child.once('exit', (code) => reject(new Error(`the application ended with ${code}`)));
    });
    // Nobody asks it for what CometBFT has indexed.
    child.send({ home, address: { path: path.join(directory, 'abci.sock') }, rpc: 'http://127.0.0.1:1' });
    const client = await AbciClient.open((await ready).address);
    const app = new R3mesApp({ name: 'r3mes', client, pid: child.pid, folder: home.state, proposer: validator.address, accounts, firstSeconds: GENESIS_SECONDS });
    app.flags = [...Object.entries(SMALL_MALLOC_ENV).map((entry) => entry.join('=')), ...flags];
    app.#child = child;
    await client.ask('initChain', {
      time: genesis.genesisTime,
      chainId: CHAIN_ID,
      consensusParams: genesis.consensusParams,
      validators: [],
      appStateBytes: utf8(JSON.stringify(genesis.appState)),
      initialHeight: 1n,
    });
    await app.block([]);
    for (const account of accounts) account.number = await app.#accountNumber(account.address);
    return app;
  }

  async #query(path_, request, codec, data) {
    const { code, log, value } = await this.client.ask('query', { path: path_, data: request.encode(request.fromPartial(data)).finish(), height: 0n, prove: false });
    if (code !== 0) throw new Error(`${path_}: ${log}`);
    return codec.decode(value);
  }

  async #accountNumber(address) {
    const { account } = await this.#query('/cosmos.auth.v1beta1.Query/Account', QueryAccountRequest, QueryAccountResponse, { address });
    return BaseAccount.decode(account.value).accountNumber;
  }

  send(index) {
    const from = this.accounts[index];
    return sign(from, [sendMessage(from, this.accounts[(index + 1) % this.accounts.length], DENOM)], FEE);
  }

  /** Makes empty blocks until miners can submit in the next one. @returns how long the blocks took that ended a window and began one. */
  async untilCollecting() {
    const between = [];
    for (;;) {
      const { window } = await this.#query('/remes.remes.v1.Query/GetWindow', QueryGetWindowRequest, QueryGetWindowResponse, { windowId: 0n });
      if (window.phase === WindowPhase.COLLECTING && window.gradientCount === 0 && this.height < window.collectingEnd) {
        this.#window = window;
        this.#jobs.clear();
        for (let key = new Uint8Array(); this.#jobs.size < window.jobCount; ) {
          const page = await this.#query('/remes.remes.v1.Query/GetJobs', QueryGetJobsRequest, QueryGetJobsResponse, { windowId: window.id, pagination: { key, limit: 1000n } });
          for (const job of page.jobs) this.#jobs.set(job.miner, job);
          key = page.pagination?.nextKey ?? new Uint8Array();
        }
        return between;
      }
      between.push((await this.block([])).finalizeMs);
    }
  }

  submission(index) {
    const miner = this.accounts[index];
    const job = this.#jobs.get(miner.address);
    const gradientHash = taggedHash('bench-gradient', job.id);
    const value = MsgSubmitGradient.encode(
      MsgSubmitGradient.fromPartial({
        miner: miner.address,
        windowId: this.#window.id,
        jobId: job.id,
        modelVersion: this.#window.modelVersion,
        baseAdapterCid: this.#window.baseAdapterCid,
        layerRange: { start: 0, end: 4 },
        encoding: 1,
        payloadCid: cidOfBytes(gradientHash).toString(),
        payloadSize: 622_592n,
        gradientHash,
        possessionRoot: taggedHash('bench-root', job.id),
        lossBits: 0x40000000,
        arithmeticVersion: 1,
        device: { backend: 'cpu', name: 'AMD EPYC', architecture: 'avx512', driver: '' },
      }),
    ).finish();
    return sign(miner, [{ typeUrl: '/remes.remes.v1.MsgSubmitGradient', value }], FEE);
  }

  async stop() {
    this.client.close();
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}
