/** queryStoreVerified of cosmjs 0.32.4: values, and that there are none, proved against the next block's header. */
import { fromBech32, toBech32 } from '@cosmjs/encoding';
import { DirectSecp256k1Wallet } from '@cosmjs/proto-signing';
import { GasPrice, SigningStargateClient, coins } from '@cosmjs/stargate';
import { QueryClient } from 'cosmjs-stargate-032';
import { type CometClient, connectComet } from 'cosmjs-tendermint-rpc-032';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { concatBytes, utf8 } from '../../src/protocol/bytes.js';
import { sha256 } from '../../src/protocol/hash.js';
import { BALANCE, BONDED, cosmjsGenesis, startNode } from './cosmjs-harness.js';
import { cometForTests } from './comet-harness.js';
import { type CometChain, openCometChain } from './cosmjs-comet-harness.js';

/** As the README of bank says: 0x01 and the address's 20 bytes, to 16 big-endian bytes; 0x02 is the supply. */
const balanceKey = (address: string): Uint8Array => concatBytes(Uint8Array.of(1), fromBech32(address, 90).data);
const STAKE = 1_000_000_000n;
const SUPPLY_KEY = Uint8Array.of(2);
const amountOf = (value: Uint8Array): bigint => BigInt(`0x${Buffer.from(value).toString('hex')}`);
const stranger = (byte: number): string => toBech32('remes', new Uint8Array(20).fill(byte));

const STORES = ['bank', 'auth', 'staking', 'slashing', 'distribution', 'node', 'model', 'dataset', 'training', 'reward', 'gov'];

const comet = cometForTests();
type Genesis = Parameters<typeof openCometChain>[1];
const ENGINES: readonly (readonly [string, ((genesis: Genesis) => Promise<CometChain>) | undefined])[] = [
  [
    'the solo engine',
    async (genesis) => {
      const node = await startNode(genesis);
      while (node.engine.height < 2n) await new Promise((resolve) => setTimeout(resolve, 20));
      return node;
    },
  ],
  ['CometBFT', comet === undefined ? undefined : (genesis) => openCometChain(comet, genesis)],
];

for (const [name, open] of ENGINES) {
  describe.skipIf(open === undefined)(`cosmjs 0.32.4 against ${name}`, () => {
    let chain: CometChain;
    let connection: CometClient;
    let queries: QueryClient;
    let client: SigningStargateClient;
    let alice: string;
    const closing: (() => void)[] = [];

    beforeAll(async () => {
      const wallet = await DirectSecp256k1Wallet.fromKey(sha256(utf8('verified suite alice')), 'remes');
      alice = (await wallet.getAccounts())[0]!.address;
      chain = await open!(cosmjsGenesis([], alice, true));
      connection = await connectComet(chain.url);
      queries = new QueryClient(connection);
      client = await SigningStargateClient.connectWithSigner(chain.url, wallet, { gasPrice: GasPrice.fromString('0.0025uremes'), broadcastPollIntervalMs: 100 });
      closing.push(() => connection.disconnect(), () => client.disconnect());
    });
    afterAll(async () => {
      for (const close of closing) close();
      await chain?.stop();
    });

    it('proves balances and the supply as they change', async () => {
      const before = await queries.queryStoreVerified('bank', balanceKey(alice));
      expect(amountOf(before.value)).toBe(BALANCE);
      const { height } = await client.sendTokens(alice, stranger(2), coins(7, 'uremes'), 'auto');
      const received = await queries.queryStoreVerified('bank', balanceKey(stranger(2)));
      expect(received.height).toBeGreaterThanOrEqual(height);
      expect(amountOf(received.value)).toBe(7n);
      // Genesis gave alice her coins, a stake of 1,000 REMES as a miner and her delegation; of the fees a part is burned.
      const supply = amountOf((await queries.queryStoreVerified('bank', SUPPLY_KEY)).value);
      expect(supply).toBeLessThan(BALANCE + STAKE + BONDED);
      expect(supply).toBeGreaterThan(BALANCE + STAKE + BONDED - 10_000n);
      // Of the heights that are kept, also earlier ones.
      const earlier = await queries.queryStoreVerified('bank', balanceKey(stranger(2)), height - 1);
      expect([earlier.height, earlier.value.length]).toEqual([height - 1, 0]);
      expect(amountOf((await queries.queryStoreVerified('bank', balanceKey(stranger(2)), height)).value)).toBe(7n);
    });

    it('proves in every store that a key is not there', async () => {
      // All at once: cosmjs sleeps a second where the next header is not there yet.
      const keys = [Uint8Array.of(0), Uint8Array.of(1, 2, 3), new Uint8Array(40).fill(255)];
      const found = await Promise.all(STORES.flatMap((store) => keys.map(async (key) => [store, (await queries.queryStoreVerified(store, key)).value.length])));
      expect(found).toEqual(STORES.flatMap((store) => keys.map(() => [store, 0])));
    });

    it('takes no proof for another value, key, store or block', async () => {
      const { key, value, proof, height } = await queries.queryRawProof('bank', balanceKey(alice));
      const lying = (change: object): QueryClient => {
        const liar = new QueryClient(connection);
        liar.queryRawProof = () => Promise.resolve({ key, value, proof, height, ...change });
        return liar;
      };
      expect((await lying({}).queryStoreVerified('bank', key)).value).toEqual(value);
      await expect(lying({ value: value.map((byte, i) => (i === 15 ? byte ^ 1 : byte)) }).queryStoreVerified('bank', key)).rejects.toThrow();
      await expect(lying({ value: new Uint8Array() }).queryStoreVerified('bank', key)).rejects.toThrow();
      await expect(lying({}).queryStoreVerified('bank', balanceKey(stranger(2)))).rejects.toThrow(/Proven key different/);
      await expect(lying({}).queryStoreVerified('auth', key)).rejects.toThrow(/Proven key different/);
      await expect(queries.queryStoreVerified('nothing', key)).rejects.toThrow(/no such store/);
    });
  });
}
