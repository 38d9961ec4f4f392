import { z } from 'zod';

import { formatDecimal } from '../../../protocol/decimal.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import { formatRfc3339 } from '../../../protocol/rfc3339.js';
import { parseConsensusAddress } from '../../../protocol/validator-address.js';
import type { Context, QueryContext } from '../../module.js';
import { decimalField, durationField, message, timeField, uint64Field, viaParser } from '../genesis-fields.js';
import { parseGenesis } from '../genesis.js';
import type { SlashingKeeper } from './keeper.js';
import { checkSlashingParams, decimalBytes, readDecimalBytes } from './params.js';
import { SLASHING_STORE } from './state.js';

const consAddressField = viaParser(parseConsensusAddress);
const decimalInBytes = decimalField.transform(decimalBytes);

const slashingGenesis = message({
  params: message({
    signed_blocks_window: uint64Field,
    min_signed_per_window: decimalInBytes,
    downtime_jail_duration: durationField.transform((seconds) => ({ seconds, nanos: 0 })),
    slash_fraction_double_sign: decimalInBytes,
    slash_fraction_downtime: decimalInBytes,
  }).optional(),
  signing_infos: z
    .array(
      message({
        address: consAddressField,
        validator_signing_info: message({
          address: consAddressField,
          start_height: uint64Field,
          index_offset: uint64Field,
          jailed_until: timeField,
          tombstoned: z.boolean(),
          missed_blocks_counter: uint64Field,
        }),
      }),
    )
    .default([]),
  missed_blocks: z
    .array(message({ address: consAddressField, missed_blocks: z.array(message({ index: uint64Field, missed: z.boolean() })) }))
    .default([]),
  /** Ours: what validators were tombstoned for. */
  evidence: z
    .array(message({ height: uint64Field, time: timeField, power: uint64Field, consensus_address: consAddressField }))
    .default([]),
});

/** @throws InvalidInputError for a wrong field, or counters that are not the number of missed blocks. */
export function initSlashingGenesis({ state }: SlashingKeeper, ctx: Context, given: unknown): void {
  const { params, signingInfos, missedBlocks, evidence } = parseGenesis(SLASHING_STORE, slashingGenesis, given);
  if (params !== undefined) {
    checkSlashingParams(params);
    state.setParams(ctx, params);
  }
  const window = state.params(ctx).signedBlocksWindow;
  for (const { address, validatorSigningInfo } of signingInfos) {
    state.setInfo(ctx, parseConsensusAddress(address), { ...validatorSigningInfo, address, indexOffset: 0n });
  }
  for (const [index, { address, missedBlocks: blocks }] of missedBlocks.entries()) {
    for (const block of blocks) {
      if (block.index >= window) {
        throw new InvalidInputError(`app_state.slashing.missed_blocks[${index}]: expected an index below the window of ${window}, got ${block.index}`);
      }
      if (block.missed) state.setMissed(ctx, parseConsensusAddress(address), block.index, true);
    }
  }
  for (const [index, { address, validatorSigningInfo }] of signingInfos.entries()) {
    const missed = state.missedIndexes(ctx, parseConsensusAddress(address), window).length;
    if (BigInt(missed) !== validatorSigningInfo.missedBlocksCounter) {
      throw new InvalidInputError(
        `app_state.slashing.signing_infos[${index}].validator_signing_info.missed_blocks_counter: expected ${missed}, the number of its missed blocks, got ${validatorSigningInfo.missedBlocksCounter}`,
      );
    }
  }
  for (const one of evidence) state.addEvidence(ctx, one);
}

/** `app_state.slashing` that makes this state again. */
export function exportSlashing(keeper: SlashingKeeper, ctx: QueryContext): Record<string, unknown> {
  const { state } = keeper;
  const params = state.params(ctx);
  const infos = Array.from({ length: Number(state.count(ctx)) }, (_, i) => state.infoAt(ctx, BigInt(i))).filter((info) => info !== undefined);
  const evidence = Array.from({ length: Number(state.evidenceCount(ctx)) }, (_, i) => state.evidenceAt(ctx, BigInt(i))).filter((one) => one !== undefined);
  return {
    params: {
      signed_blocks_window: params.signedBlocksWindow.toString(),
      min_signed_per_window: formatDecimal(readDecimalBytes(params.minSignedPerWindow)),
      downtime_jail_duration: `${params.downtimeJailDuration?.seconds ?? 0n}s`,
      slash_fraction_double_sign: formatDecimal(readDecimalBytes(params.slashFractionDoubleSign)),
      slash_fraction_downtime: formatDecimal(readDecimalBytes(params.slashFractionDowntime)),
    },
    signing_infos: infos.map((info) => ({
      address: info.address,
      validator_signing_info: {
        address: info.address,
        start_height: info.startHeight.toString(),
        index_offset: keeper.shownInfo(ctx, info).indexOffset.toString(),
        jailed_until: formatRfc3339(info.jailedUntil ?? { seconds: 0n, nanos: 0 }),
        tombstoned: info.tombstoned,
        missed_blocks_counter: info.missedBlocksCounter.toString(),
      },
    })),
    missed_blocks: infos.map(({ address }) => ({
      address,
      missed_blocks: state
        .missedIndexes(ctx, parseConsensusAddress(address), params.signedBlocksWindow)
        .map((index) => ({ index: index.toString(), missed: true })),
    })),
    evidence: evidence.map((one) => ({
      height: one.height.toString(),
      time: formatRfc3339(one.time ?? { seconds: 0n, nanos: 0 }),
      power: one.power.toString(),
      consensus_address: one.consensusAddress,
    })),
  };
}
