import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { renderUnit, systemdWord } from '../../../../src/cli/setup/service.js';
import { runCli, temporaryFolder } from '../harness.js';

const execStart = (unit: string): string => /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? '';

describe('systemd units', () => {
  it('take every word literally', () => {
    expect(systemdWord('/a b/"c"\\%h$HOME')).toBe('"/a b/\\"c\\"\\\\%%h$$HOME"');
  });

  it.each([
    ['founder', 'node', true],
    ['validator', 'node', true],
    ['miner', 'mine', false],
    ['aggregator', 'aggregate', false],
  ] as const)('run what a %s keeps running', async (role, noun, isNode) => {
    const unit = await renderUnit({ role, home: '/srv/r3 mes', passwordFile: '/run/pw' });
    expect(unit).not.toContain('@');
    const command = execStart(unit);
    expect(command).toContain(`"${noun}" "start" "--home" "/srv/r3 mes"`);
    expect(command.includes('"--password-file" "/run/pw"')).toBe(!isNode);
    expect(command.includes('--max-semi-space-size')).toBe(isNode);
    expect(unit).toMatch(/^SuccessExitStatus=130 143$/m);
    expect(execStart(await renderUnit({ role, home: undefined, passwordFile: undefined }))).toMatch(/"start"$/);
  });

  it('cannot hold a line break', async () => {
    await expect(renderUnit({ role: 'miner', home: '/a\nExecStartPre=/bin/sh', passwordFile: undefined })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('are written by init --service, once, and never over another', async () => {
    const root = temporaryFolder();
    const argv = ['init', '--role', 'miner', '--network', 'x-1', '--wallet', 'w', '--device', 'cpu', '--home', root, '--json', '--service'];
    const ran = await runCli(argv, { env: { R3MES_PASSWORD: 'correct horse' } });
    const file = path.join(root, 'config', 'systemd', 'r3mes-mine.service');
    expect(ran).toMatchObject({ code: 0, json: { serviceFile: file, next: [`systemctl --user enable --now ${file}`] } });
    expect(ran.stderr).toContain('the service has no password');
    const text = readFileSync(file, 'utf8');
    expect((await runCli(argv)).json['made']).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});
