/** The state of a home whose node does not run. */
import { StateStore } from '../../chain/store/state.js';
import { LevelDatabase } from '../../chain/store/level.js';
import { R3mesError } from '../../protocol/errors.js';
import { fileExists } from '../files/exists.js';
import { acquirePidFile } from '../files/pid-file.js';
import { endRecorded } from './child-record.js';
import type { NodeHome } from './home.js';
import { refuseRunning } from './state.js';

/**
 * Holds the home while `work` lasts, so that no node starts meanwhile. What a killed node left running is ended first.
 * @throws R3mesError ALREADY_RUNNING, NO_STATE where there is no block yet.
 */
export async function whileStopped<T>(home: NodeHome, work: () => Promise<T>): Promise<T> {
  await refuseRunning(home);
  const lock = await acquirePidFile(home.pidFile, 'a node of this home');
  try {
    if (!(await fileExists(home.state))) {
      throw new R3mesError({ code: 'NO_STATE', message: `there is no state of a chain in ${home.state}`, hint: 'no node has run in this home yet: r3mes node start' });
    }
    for (const file of [home.cometPidFile, home.appPidFile]) await endRecorded(file);
    return await work();
  } finally {
    await lock.release();
  }
}

/** Opens the state, and closes it whatever happens. @throws DatabaseError */
export async function withState<T>(home: NodeHome, work: (state: StateStore) => Promise<T>): Promise<T> {
  const database = await LevelDatabase.open(home.state);
  try {
    return await work(new StateStore(database));
  } finally {
    await database.close();
  }
}
