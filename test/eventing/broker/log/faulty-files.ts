/** The real file layer with faults injected at will: full disk, failing sync, failing truncation. */
import { nodeFiles, type Files, type OpenFile, type OpenMode } from '../../../../eventing/broker/log/file/files.ts';

export class FaultyFiles implements Files {
  /** Bytes that may still be written durably; Infinity for no bound. Writes beyond it land in part, then fail. */
  space = Infinity;
  failSync = false;
  failTruncate = false;

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    const file = await nodeFiles.open(path, mode);
    return {
      read: (buffer, position) => file.read(buffer, position),
      writeDurably: async (buffer, position) => {
        if (buffer.length > this.space) {
          await file.write(buffer.subarray(0, this.space), position);
          throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
        }
        this.space -= buffer.length;
        if (this.failSync) {
          await file.write(buffer, position);
          throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
        }
        await file.writeDurably(buffer, position);
      },
      write: (buffer, position) => file.write(buffer, position),
      truncate: (size) => {
        if (this.failTruncate)
          return Promise.reject(Object.assign(new Error('EIO: i/o error, ftruncate'), { code: 'EIO' }));
        return file.truncate(size);
      },
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  list = nodeFiles.list;
  readAll = nodeFiles.readAll;
  replace = nodeFiles.replace;
  makeFolder = nodeFiles.makeFolder;
  syncFolder = nodeFiles.syncFolder;
  remove = nodeFiles.remove;
  removeFolder = nodeFiles.removeFolder;
}
