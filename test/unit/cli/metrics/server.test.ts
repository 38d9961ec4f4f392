import { afterEach, describe, expect, it } from 'vitest';

import { type MetricsServer, serveMetrics } from '../../../../src/cli/metrics/server.js';

const LOOPBACK = { host: '127.0.0.1', port: 0 };
const open: MetricsServer[] = [];

async function serve(collect: () => Promise<string>, reports: string[] = []): Promise<string> {
  const server = await serveMetrics(LOOPBACK, collect, (text) => reports.push(text));
  open.push(server);
  return server.url;
}

afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

describe('the server of metrics', () => {
  it('answers GET /metrics in the format of Prometheus, and nothing else', async () => {
    const url = await serve(() => Promise.resolve('r3mes_height 3\n'));
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toBe('r3mes_height 3\n');
    expect((await fetch(`${url}?x=1`)).status).toBe(200);
    expect((await fetch(url.replace('/metrics', '/'))).status).toBe(404);
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405);
  });

  it('collects once for many who ask at the same time', async () => {
    let collected = 0;
    const url = await serve(async () => {
      collected++;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return 'x 1\n';
    });
    await Promise.all(Array.from({ length: 10 }, () => fetch(url).then((response) => response.text())));
    expect(collected).toBe(1);
  });

  it('tells an error to the log, not to whoever asks, and goes on', async () => {
    const reports: string[] = [];
    let fails = true;
    const url = await serve(() => (fails ? Promise.reject(new Error('secret path')) : Promise.resolve('x 1\n')), reports);
    const failed = await fetch(url);
    expect(failed.status).toBe(500);
    expect(await failed.text()).not.toContain('secret');
    expect(reports).toEqual(['metrics: secret path']);
    fails = false;
    expect((await fetch(url)).status).toBe(200);
  });

  it('says that a port is taken', async () => {
    const port = Number(new URL(await serve(() => Promise.resolve(''))).port);
    await expect(serveMetrics({ host: '127.0.0.1', port }, () => Promise.resolve(''), () => undefined)).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  });
});
