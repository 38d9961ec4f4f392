/** The dashboard shows what the node exports, and nothing else. */
import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { createAppMetrics } from '../../../../src/cli/metrics/app-metrics.js';
import { createNodeMetrics } from '../../../../src/cli/metrics/node-metrics.js';
import { homeOf } from '../commands/node/home.js';

const FILE = 'templates/grafana/r3mes-node.json';

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly w: number };
  readonly targets?: readonly { readonly expr: string }[];
}

const text = readFileSync(FILE, 'utf8');
const dashboard = JSON.parse(text) as { readonly panels: readonly Panel[] };

/** Names as Prometheus stores them: a histogram has three. */
async function exported(): Promise<{ readonly names: Set<string>; readonly base: (name: string) => string }> {
  const node = createNodeMetrics({ home: homeOf('/'), rpc: 'http://127.0.0.1:1', version: '', engine: 'solo', chainId: '', application: () => Promise.resolve('') });
  const metrics = [...(await createAppMetrics().registry.getMetricsAsJSON()), ...(await node.registry.getMetricsAsJSON())];
  const base = new Map<string, string>();
  for (const { name, type } of metrics) {
    const isHistogram = String(type) === 'histogram';
    for (const suffix of isHistogram ? ['_bucket', '_sum', '_count'] : ['']) base.set(name + suffix, name);
  }
  return { names: new Set(base.keys()), base: (name) => base.get(name) ?? name };
}

describe('the Grafana dashboard', () => {
  it('asks for every metric that is exported, and for no other', async () => {
    const { names, base } = await exported();
    const asked = new Set(text.match(/\br3mes_[a-z0-9_]+/g));
    expect([...asked].filter((name) => !names.has(name))).toEqual([]);
    expect(new Set([...asked].map(base))).toEqual(new Set([...names].map(base)));
  });

  it('gives every panel an id of its own, a place on the grid, and questions of one node', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { gridPos, targets = [] } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (const { expr } of targets) expect(expr).toContain('{instance=~"$instance"');
    }
  });
});
