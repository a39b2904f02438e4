import { writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import { deliverFrame } from '../../../../container/worker/frame-delivery';
import { failureUrl, frameUrl } from '../../../../core/contract/keys';
import { MemoryStorage } from '../../../../core/storage/memory-storage';
import { CALL_FAULTS, FaultyProcess } from '../../../support/faulty-calls';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();
const FOLDER = new URL('memory://films/renders/clock/');
const MANIFEST = { resolution: { width: 2, height: 2 } };

describe.each([1, 2])('a worker that something befalls at call %i', (call) => {
  test.each(CALL_FAULTS)(
    '(%s) leaves no record of an earlier failure beside a frame that is there',
    async (fault) => {
      const storage = new MemoryStorage();
      await storage.put(failureUrl(FOLDER, 7), '{}');
      writeFileSync(at('0007.png'), PNG.sync.write(new PNG(MANIFEST.resolution)));
      const seen = new FaultyProcess(call, fault).see(storage);
      const delivered = deliverFrame(7, at('0007.png'), {
        manifest: MANIFEST,
        folder: FOLDER,
        storage: seen,
      });
      await expect(delivered).rejects.toThrow(/the call failed|the process is gone/);
      const frame = await storage.head(frameUrl(FOLDER, 7));
      const record = await storage.head(failureUrl(FOLDER, 7));
      expect(frame && record).toBeUndefined();
    },
  );
});
