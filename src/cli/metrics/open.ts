/** Metrics of a node, served; loaded only where somebody wants them. */
import { packageVersion } from '../../native/load.js';
import type { ListenAddress } from '../node/listen-address.js';
import { createNodeMetrics, type NodeMetrics, type NodeMetricsOptions } from './node-metrics.js';
import { serveMetrics } from './server.js';

export interface OpenMetrics extends Pick<NodeMetrics, 'processes'> {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws R3mesError PORT_IN_USE, CANNOT_LISTEN. */
export async function openMetrics(address: ListenAddress, options: Omit<NodeMetricsOptions, 'version'>, report: (text: string) => void): Promise<OpenMetrics> {
  const metrics = createNodeMetrics({ ...options, version: packageVersion() });
  const server = await serveMetrics(address, () => metrics.collect(), report);
  return { url: server.url, processes: (appPid, cometPid) => metrics.processes(appPid, cometPid), close: () => server.close() };
}
