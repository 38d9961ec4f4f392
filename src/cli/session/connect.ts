import { ChainClient, signerFromPrivateKey, type ChainSigner } from '../../client/index.js';
import { R3mesError } from '../../protocol/errors.js';
import { taggedHash } from '../../protocol/hash.js';
import type { Context } from '../frame/context.js';
import { passwordSource } from '../wallet/password.js';
import { Wallets } from '../wallet/wallets.js';
import { checkedAddress, gasPriceMicro, parseArgument } from './values.js';

export interface NodeArgs {
  readonly node: string;
  readonly network: string | undefined;
}

export interface SigningArgs extends NodeArgs {
  readonly wallet: string | undefined;
  readonly passwordFile: string | undefined;
  readonly gasPrice: string;
}

/** @throws R3mesError WRONG_NETWORK unless the node is one of the network that the settings name. */
export function checkNetwork(client: ChainClient, chainId: string, wanted: string | undefined): void {
  if (wanted === undefined || wanted === chainId) return;
  throw new R3mesError({
    code: 'WRONG_NETWORK',
    message: `the node at ${client.url} is of network ${chainId}, expected ${wanted}`,
    hint: 'name a node of that network with --node URL, or the network with --network ID',
  });
}

/** @throws R3mesError NODE_UNREACHABLE, WRONG_NETWORK */
export async function connectChain({ node, network, gasPrice }: NodeArgs & { readonly gasPrice?: string }): Promise<ChainClient> {
  const client = await ChainClient.connect(node, gasPrice === undefined ? {} : { gasPriceMicro: gasPriceMicro(gasPrice) });
  checkNetwork(client, client.chainId, network);
  return client;
}

/** An account that can sign on a chain. */
export interface Account {
  readonly client: ChainClient;
  readonly walletName: string;
  readonly address: string;
  readonly signer: ChainSigner;
  /** Only this account's owner knows it; salts of commitments come from it. */
  readonly saltSeed: Uint8Array;
}

/** The node first: nobody types a password for a node that is not there. @throws R3mesError KEY_LOCKED, WRONG_PASSWORD … */
export async function openAccount(ctx: Context, args: SigningArgs): Promise<Account> {
  const wallets = new Wallets(ctx.paths.wallets);
  const walletName = await wallets.choose(args.wallet);
  await wallets.info(walletName);
  const client = await connectChain(args);
  const { address, privateKey } = await wallets.unlock(walletName, passwordSource(ctx, args.passwordFile));
  return { client, walletName, address, signer: await signerFromPrivateKey(privateKey), saltSeed: taggedHash('salt-seed', privateKey) };
}

/** The address that was given, else that of the wallet; no password is needed. @throws R3mesError USAGE, WALLET_NOT_FOUND */
export async function addressOf(ctx: Context, given: string | undefined, wallet: string | undefined): Promise<string> {
  if (given !== undefined) return parseArgument('ADDRESS', given, checkedAddress);
  const wallets = new Wallets(ctx.paths.wallets);
  return (await wallets.info(await wallets.choose(wallet))).address;
}

/** Ends with the reason of `signal` as soon as it is aborted, whatever `work` does. */
export async function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
