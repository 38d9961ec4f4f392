import path from 'node:path';

import type { ChainClient } from '../../client/index.js';
import type { DeviceInfo } from '../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { Assets } from '../../roles/assets.js';
import { chainView, type ChainView } from '../../roles/chain-view.js';
import type { RoleEvent } from '../../roles/role.js';
import { loadEngine } from '../../native/index.js';
import { type ContentStore, openLocalStore } from '../../storage/index.js';
import type { SettingValues } from '../config/schema.js';
import type { Context } from '../frame/context.js';
import { chooseDevice, threadCount } from './device.js';
import { ToldWork } from './told-work.js';

export interface ComputeArgs {
  readonly content: string | undefined;
  readonly threads: number;
  readonly device: SettingValues['device'];
}

/** What computes and where it reads and writes. */
export interface Bench {
  readonly chain: ChainView;
  readonly store: ContentStore;
  readonly work: ToldWork;
  readonly device: DeviceInfo;
  readonly threads: number;
}

export interface BenchOptions {
  /** Aborts computing. */
  readonly signal?: AbortSignal;
  /** Hears when a long computation begins. */
  readonly tell?: (event: RoleEvent) => void;
}

/** Opens engine and content store for as long as `use` runs. @throws R3mesError ENGINE_UNAVAILABLE, DEVICE_UNAVAILABLE, STORE_IO */
export async function withBench<T>(ctx: Context, client: ChainClient, args: ComputeArgs, options: BenchOptions, use: (bench: Bench) => Promise<T>): Promise<T> {
  loadEngine();
  const device = await chooseDevice(args.device, (reason) => ctx.out.warn(reason));
  const threads = threadCount(args.threads);
  const folder = args.content === undefined ? ctx.paths.content : path.resolve(ctx.io.cwd, args.content);
  const store = await openLocalStore(folder);
  try {
    const chain = chainView(client);
    const { signal, tell } = options;
    const assets = new Assets(chain, { inputs: store, artifacts: store }, { threads, ...(signal === undefined ? {} : { signal }) });
    return await use({ chain, store, work: new ToldWork(chain, assets, tell ?? (() => undefined)), device, threads });
  } finally {
    await store.close();
  }
}
