import { parseCid } from '../../../protocol/cid.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import { GradientEncoding, GradientStatus, type StoredGradient } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { JobStatus, WindowPhase, type Job, type TrainingWindow } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { MsgSubmitGradient, MsgSubmitGradientResponse } from '../../../protocol/gen/remes/remes/v1/tx.js';
import { defineMessage, type Context, type MessageHandler } from '../../module.js';
import { trainingError } from './errors.js';
import type { TrainingKeeper } from './keeper.js';

const HASH_BYTES = 32;
const MAX_DEVICE_TEXT = 64;

function checkForm(msg: MsgSubmitGradient): void {
  for (const [name, bytes] of [
    ['job_id', msg.jobId],
    ['gradient_hash', msg.gradientHash],
    ['possession_root', msg.possessionRoot],
  ] as const) {
    if (bytes.length !== HASH_BYTES) throw trainingError('INVALID_MESSAGE', `${name}: expected ${HASH_BYTES} bytes, got ${bytes.length}`);
  }
  parseCid(msg.payloadCid);
  parseCid(msg.baseAdapterCid);
  if (msg.payloadSize === 0n) throw trainingError('INVALID_MESSAGE', 'payload_size: expected more than 0 bytes, got 0');
  if (msg.encoding !== GradientEncoding.DENSE_F32) {
    throw trainingError('INVALID_MESSAGE', `encoding: expected dense_f32 (1), got ${msg.encoding}`);
  }
  if (msg.answerCommitment.length !== 0) {
    throw trainingError('INVALID_MESSAGE', `answer_commitment: expected no bytes, got ${msg.answerCommitment.length}`);
  }
  // Exponent bits all set: infinity or not a number. A loss is never negative.
  if ((msg.lossBits & 0x7f800000) === 0x7f800000 || msg.lossBits > 0x7fffffff) {
    throw trainingError('INVALID_MESSAGE', `loss_bits: expected a finite loss of at least 0, got 0x${msg.lossBits.toString(16)}`);
  }
  const { backend = '', name: deviceName = '', architecture = '', driver = '' } = msg.device ?? {};
  for (const [name, text] of Object.entries({ backend, name: deviceName, architecture, driver })) {
    if (text.length > MAX_DEVICE_TEXT) {
      throw trainingError('INVALID_MESSAGE', `device.${name}: expected at most ${MAX_DEVICE_TEXT} characters, got ${text.length}`);
    }
  }
}

/** The miner's open job and its window, or the reason why this submission does not fit. */
function findJob(ctx: Context, keeper: TrainingKeeper, msg: MsgSubmitGradient): { job: Job; window: TrainingWindow } {
  const job = keeper.state.jobById(ctx, msg.jobId);
  const window = job && keeper.state.window(ctx, job.windowId);
  if (job === undefined || window === undefined || window.id !== msg.windowId) {
    throw trainingError('UNKNOWN_JOB', `window ${msg.windowId} has no such job`, 'ask for the job of your address in the open window');
  }
  if (job.miner !== msg.miner) throw trainingError('NOT_YOUR_JOB', `expected a submission of ${job.miner}, got one of ${msg.miner}`);
  if (job.status === JobStatus.SUBMITTED) throw trainingError('ALREADY_SUBMITTED', `this job already has gradient ${job.gradientId}`);
  if (window.phase !== WindowPhase.COLLECTING || ctx.block.height > window.collectingEnd) {
    throw trainingError('WINDOW_CLOSED', `window ${window.id} collected until height ${window.collectingEnd}, this is height ${ctx.block.height}`);
  }
  return { job, window };
}

function checkAgainstWindow(ctx: Context, keeper: TrainingKeeper, msg: MsgSubmitGradient, window: TrainingWindow): void {
  const model = keeper.models.current(ctx);
  if (msg.modelVersion !== window.modelVersion || model === undefined) {
    throw trainingError('WRONG_MODEL_VERSION', `expected model version ${window.modelVersion}, got ${msg.modelVersion}`);
  }
  if (msg.baseAdapterCid !== window.baseAdapterCid) {
    throw trainingError('WRONG_BASE_ADAPTER', `expected base adapter ${window.baseAdapterCid}, got ${msg.baseAdapterCid}`);
  }
  if (msg.arithmeticVersion !== model.arithmeticVersion) {
    throw trainingError('WRONG_ARITHMETIC', `expected arithmetic version ${model.arithmeticVersion}, got ${msg.arithmeticVersion}`);
  }
  const { start = 0, end = 0 } = msg.layerRange ?? {};
  if (start !== 0 || end !== model.layerCount) {
    throw trainingError('WRONG_LAYERS', `layer_range: expected [0, ${model.layerCount}), got [${start}, ${end})`);
  }
  const params = keeper.state.params(ctx);
  if (msg.payloadSize > params.maxPayloadBytes) {
    throw trainingError('PAYLOAD_TOO_LARGE', `payload_size: expected at most ${params.maxPayloadBytes} bytes, got ${msg.payloadSize}`);
  }
  const stake = BigInt(keeper.nodes.registration(ctx, Part.MINER, msg.miner)?.stake ?? '0');
  const min = keeper.nodes.minStake(ctx, Part.MINER);
  if (stake < min) throw trainingError('STAKE_TOO_SMALL', `expected a stake of at least ${min} uremes, got ${stake}`, 'top it up');
  if (keeper.state.countSubmission(ctx) > BigInt(params.maxGradientsPerBlock)) {
    throw trainingError('BLOCK_FULL', `a block takes at most ${params.maxGradientsPerBlock} submissions`, 'send it again in the next block');
  }
}

function submit(ctx: Context, keeper: TrainingKeeper, msg: MsgSubmitGradient): StoredGradient {
  const { job, window } = findJob(ctx, keeper, msg);
  checkAgainstWindow(ctx, keeper, msg, window);
  const gradient = keeper.state.addGradient(ctx, {
    windowId: window.id,
    windowIndex: window.gradientCount,
    jobId: job.id,
    miner: msg.miner,
    modelVersion: msg.modelVersion,
    baseAdapterCid: msg.baseAdapterCid,
    layerRange: msg.layerRange,
    encoding: msg.encoding,
    payloadCid: msg.payloadCid,
    payloadSize: msg.payloadSize,
    gradientHash: msg.gradientHash,
    possessionRoot: msg.possessionRoot,
    answerCommitment: msg.answerCommitment,
    lossBits: msg.lossBits,
    arithmeticVersion: msg.arithmeticVersion,
    device: msg.device,
    status: GradientStatus.PENDING,
    submittedHeight: ctx.block.height,
  });
  keeper.state.saveJob(ctx, { ...job, status: JobStatus.SUBMITTED, gradientId: gradient.id });
  keeper.state.saveWindow(ctx, { ...window, gradientCount: window.gradientCount + 1 });
  const r = keeper.nodes.registration(ctx, Part.MINER, msg.miner);
  if (r !== undefined) keeper.nodes.save(ctx, { ...r, jobsSinceFault: r.jobsSinceFault + 1n });
  return gradient;
}

export function trainingMessages(keeper: TrainingKeeper): MessageHandler[] {
  return [
    defineMessage({
      typeUrl: '/remes.remes.v1.MsgSubmitGradient',
      message: MsgSubmitGradient,
      response: MsgSubmitGradientResponse,
      signer: (msg) => msg.miner,
      checkStateless: checkForm,
      execute: (ctx, msg) => {
        const gradient = submit(ctx, keeper, msg);
        ctx.emit({
          type: 'submit_gradient',
          attributes: {
            window_id: gradient.windowId.toString(),
            gradient_id: gradient.id.toString(),
            miner: gradient.miner,
            payload_cid: gradient.payloadCid,
          },
        });
        return { gradientId: gradient.id };
      },
    }),
  ];
}
