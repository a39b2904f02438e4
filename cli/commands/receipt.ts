import { stitchRecordUrl } from '../../core/contract/keys';
import { stitchRecordSchema } from '../../core/contract/stitch-record';
import { makeReceipt } from '../../core/cost/receipt';
import { hasEnded } from '../../core/render-state/has-ended';
import { readSlices } from '../../core/report/read-records';
import { openStorage } from '../../core/storage/open-storage';
import { readRecord } from '../../core/storage/read-record';
import { storedFrames } from '../../core/storage/stored-frames';
import { CostTeller } from '../cost-teller';
import { describeReceipt } from '../describe-receipt';
import { findPlace, findRender, type PlaceFlags } from '../place';

export interface ReceiptFlags extends PlaceFlags {
  readonly json?: boolean;
}

/** `spotreel receipt renderId`: what a render took, and what that costs at today's prices. Gives the exit code. */
export async function receiptCommand(renderId: string, flags: ReceiptFlags): Promise<number> {
  const place = await findPlace(flags);
  const storage = openStorage();
  const { folder, manifest } = await findRender(renderId, place, storage);
  const reckon = await new CostTeller(place.farm).reckoner(manifest.options.device === 'GPU');
  const ended = await hasEnded({ folder, storage, batch: place.batch, now: Date.now });
  const stored = await storedFrames(manifest, folder, storage);
  const receipt = makeReceipt({
    manifest,
    slices: await readSlices(folder, storage),
    stored: stored.size,
    stitch: await readRecord(stitchRecordSchema, stitchRecordUrl(folder), storage),
    ended,
    costOf: (usage) => reckon?.(usage),
    at: new Date(),
  });
  process.stdout.write(`${flags.json ? JSON.stringify(receipt) : describeReceipt(receipt, ended)}\n`);
  return 0;
}
