import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { addonCandidates, addonIn, BUILD_DIRECTORY, PACKAGE_ROOT, userBuildDirectory } from '../../../src/native/location.js';

const HERE = `${process.platform}-${process.arch}`;

describe('where the engine may lie', () => {
  it('below the package, whose root holds package.json', () => {
    expect(existsSync(path.join(PACKAGE_ROOT, 'package.json'))).toBe(true);
    expect(BUILD_DIRECTORY).toBe(path.join(PACKAGE_ROOT, 'build', 'engine'));
    expect(addonIn('/some/where')).toBe(path.join('/some/where', 'Release', 'r3mes.node'));
  });

  it("else in the user's cache, one build a version and platform", () => {
    expect(userBuildDirectory('1.2.3', { XDG_CACHE_HOME: '/cache' })).toBe(path.join('/cache', 'r3mes', 'engine', `1.2.3-${HERE}`));
    for (const env of [{}, { XDG_CACHE_HOME: '' }, { XDG_CACHE_HOME: 'relative' }]) {
      expect(userBuildDirectory('1.2.3', env)).toBe(path.join(os.homedir(), '.cache', 'r3mes', 'engine', `1.2.3-${HERE}`));
    }
  });

  it('is asked in this order: a build of this clone, a prebuilt one, a build of this user', () => {
    expect(addonCandidates('1.2.3', { XDG_CACHE_HOME: '/cache' })).toEqual([
      addonIn(BUILD_DIRECTORY),
      path.join(PACKAGE_ROOT, 'prebuilds', HERE, 'r3mes.node'),
      path.join('/cache', 'r3mes', 'engine', `1.2.3-${HERE}`, 'Release', 'r3mes.node'),
    ]);
    expect(addonCandidates('1.2.3', { R3MES_ENGINE: '' })).toHaveLength(3);
  });

  it('is nowhere else where R3MES_ENGINE names a file', () => {
    expect(addonCandidates('1.2.3', { R3MES_ENGINE: '/engines/mine.node' })).toEqual([path.resolve('/engines/mine.node')]);
    expect(addonCandidates('1.2.3', { R3MES_ENGINE: 'mine.node' })).toEqual([path.resolve('mine.node')]);
  });
});
