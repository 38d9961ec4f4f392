/** Process of the application under CometBFT. */
import { runAppProcess } from './app-server.js';

runAppProcess();
