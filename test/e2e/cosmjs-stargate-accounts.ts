/** Accounts, addresses and bookkeeping of the suites that are written with the public face of cosmjs 0.39 alone. */
import { Secp256k1Wallet, createMultisigThresholdPubkey, encodeSecp256k1Pubkey, pubkeyToAddress, type MultisigThresholdPubkey } from '@cosmjs/amino';
import { sha256 } from '@cosmjs/crypto';
import { fromBech32, toBech32, toUtf8 } from '@cosmjs/encoding';
import { DirectSecp256k1Wallet, Registry, type OfflineSigner } from '@cosmjs/proto-signing';
import {
  GasPrice,
  QueryClient,
  SigningStargateClient,
  StargateClient,
  defaultRegistryTypes,
  setupAuthExtension,
  setupAuthzExtension,
  setupBankExtension,
  setupDistributionExtension,
  setupFeegrantExtension,
  setupGovExtension,
  setupMintExtension,
  setupSlashingExtension,
  setupStakingExtension,
  setupTxExtension,
  type SigningStargateClientOptions,
} from '@cosmjs/stargate';
import { connectComet, type CometClient } from '@cosmjs/tendermint-rpc';
import { MsgUnjail } from 'cosmjs-types/cosmos/slashing/v1beta1/tx';

const PREFIX = 'remes';
/** The length that BIP 173 allows; cosmjs 0.39.0 itself leaves it open, which its bech32 library refuses. */
const BECH32_LIMIT = 90;

export const OPTIONS: SigningStargateClientOptions = {
  registry: new Registry([...defaultRegistryTypes, ['/cosmos.slashing.v1beta1.MsgUnjail', MsgUnjail]]),
  gasPrice: GasPrice.fromString('0.0025uremes'),
  broadcastPollIntervalMs: 100,
  broadcastTimeoutMs: 45_000,
};

export const valoper = (account: string): string => toBech32('remesvaloper', fromBech32(account, BECH32_LIMIT).data);
export const valcons = (consensusKey: Uint8Array): string => toBech32('remesvalcons', sha256(consensusKey).subarray(0, 20));
/** An account that nobody has the key of, and that the chain does not know. */
export const stranger = (byte: number): string => toBech32(PREFIX, new Uint8Array(20).fill(byte));

export interface Accounts {
  /** Runs the validator of genesis; signs directly. */
  readonly alice: string;
  /** Comes to run a validator; signs Amino JSON, as Ledgers do. */
  readonly bob: string;
  /** Delegates; signs directly. */
  readonly carol: string;
  readonly wallets: { readonly alice: OfflineSigner; readonly bob: OfflineSigner; readonly carol: OfflineSigner };
  /** Bob's key in a wallet that signs directly. */
  readonly bobDirect: OfflineSigner;
  /** Two of three. */
  readonly multisig: { readonly address: string; readonly pubkey: MultisigThresholdPubkey; readonly members: readonly Secp256k1Wallet[] };
}

const key = (name: string): Uint8Array => sha256(toUtf8(`stargate suite ${name}`));
const addressOf = async (wallet: OfflineSigner): Promise<string> => (await wallet.getAccounts())[0]!.address;

export async function openAccounts(): Promise<Accounts> {
  const wallets = {
    alice: await DirectSecp256k1Wallet.fromKey(key('alice'), PREFIX),
    bob: await Secp256k1Wallet.fromKey(key('bob'), PREFIX),
    carol: await DirectSecp256k1Wallet.fromKey(key('carol'), PREFIX),
  };
  const members = await Promise.all(['one', 'two', 'three'].map((name) => Secp256k1Wallet.fromKey(key(name), PREFIX)));
  const keys = await Promise.all(members.map(async (wallet) => encodeSecp256k1Pubkey((await wallet.getAccounts())[0]!.pubkey)));
  const pubkey = createMultisigThresholdPubkey(keys, 2);
  return {
    alice: await addressOf(wallets.alice),
    bob: await addressOf(wallets.bob),
    carol: await addressOf(wallets.carol),
    wallets,
    bobDirect: await DirectSecp256k1Wallet.fromKey(key('bob'), PREFIX),
    multisig: { address: pubkeyToAddress(pubkey, PREFIX), pubkey, members },
  };
}

/** The same object, noting the name of every method that is called from outside. */
function noting<T extends object>(target: T, name: string, called: Set<string>): T {
  return new Proxy(target, {
    get: (_target, property) => {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function' || typeof property !== 'string') return value;
      return (...args: unknown[]): unknown => {
        called.add(`${name}.${property}`);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

const SETUPS = {
  auth: setupAuthExtension,
  bank: setupBankExtension,
  staking: setupStakingExtension,
  gov: setupGovExtension,
  distribution: setupDistributionExtension,
  slashing: setupSlashingExtension,
  mint: setupMintExtension,
  tx: setupTxExtension,
  authz: setupAuthzExtension,
  feegrant: setupFeegrantExtension,
};
type ExtensionName = keyof typeof SETUPS;
const EXTENSIONS = Object.keys(SETUPS) as ExtensionName[];
/** The methods of every extension, by the extension's name. */
export type Queries = { readonly [K in ExtensionName]: ReturnType<(typeof SETUPS)[K]> extends Record<K, infer Methods> ? Methods : never };

async function openQueries(url: string): Promise<{ comet: CometClient; queries: Queries }> {
  const comet = await connectComet(url);
  const client = new QueryClient(comet);
  const queries = Object.assign({}, ...Object.values(SETUPS).map((setup) => setup(client))) as Queries;
  return { comet, queries };
}

/** TypeScript calls these private or protected; everything else is the public face of the two classes. */
const INTERNAL = new Set(['constructor', 'getCometClient', 'forceGetCometClient', 'getQueryClient', 'forceGetQueryClient', 'txsQuery', 'calculateFeeForTransaction', 'signAmino', 'signDirect']);

export interface Clients {
  readonly alice: SigningStargateClient;
  readonly bob: SigningStargateClient;
  readonly carol: SigningStargateClient;
  readonly queries: Queries;
  /** Methods of clients and extensions that no test has called so far. */
  uncalled(): string[];
  close(): void;
}

export async function openClients(url: string, { wallets }: Accounts): Promise<Clients> {
  const called = new Set<string>();
  const { comet, queries } = await openQueries(url);
  const all = EXTENSIONS.flatMap((name) => Object.keys(queries[name]).map((method) => `${name}.${method}`));
  for (const prototype of [StargateClient.prototype, SigningStargateClient.prototype]) {
    all.push(...Object.getOwnPropertyNames(prototype).filter((name) => !INTERNAL.has(name)).map((name) => `client.${name}`));
  }
  const noted = Object.fromEntries(EXTENSIONS.map((name) => [name, noting(queries[name], name, called)])) as Queries;
  const sign = async (wallet: OfflineSigner): Promise<SigningStargateClient> => noting(await SigningStargateClient.connectWithSigner(url, wallet, OPTIONS), 'client', called);
  const [alice, bob, carol] = await Promise.all([sign(wallets.alice), sign(wallets.bob), sign(wallets.carol)]);
  return {
    alice,
    bob,
    carol,
    queries: noted,
    uncalled: () => all.filter((name) => !called.has(name)),
    close: () => {
      for (const one of [alice, bob, carol]) one.disconnect();
      comet.disconnect();
    },
  };
}
