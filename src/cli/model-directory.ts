import { fileURLToPath } from 'node:url';

/** The backbone that comes with the package: the dev network's, and what `--model` means where it is left out. */
export const DEFAULT_MODEL_DIRECTORY = fileURLToPath(new URL('../../templates/models/bitnet-nano', import.meta.url));
