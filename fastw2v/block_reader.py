"""Reads a corpus once, in blocks, with several threads that turn them into ids.

The calling thread lists the blocks of plain files, which the workers read themselves, and reads what can only
be read from front to back (compressed files, pipes, sentences), so that Ctrl-C reaches it there. It decides
nothing about words; corpus.py calls it. A block is what begins in it, see w2v_block in src_c/w2v.h.
Invariants: what is counted does not depend on the size of blocks or the number of threads; no thread is left
running when `read_blocks` returns or raises; of several errors the one earliest in the text is raised.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from io import FileIO

from ._corpus import Block, NulByteError, SentenceSource, WordCounter
from .id_store import IdStore
from .progress import Progress
from .teams import ensure_threads
from .text_files import Readable, TextFile, open_stream

BLOCK_BYTES = 1 << 20  # text and ids of a block stay in a core's second-level cache
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
POLL_SECONDS = 0.1
Source = list[TextFile] | SentenceSource


@dataclass
class ReadTotals:
    """What was read: all words and lines, whether or not they get ids."""

    n_words: int = 0
    n_lines: int = 0
    n_done: int = 0  # bytes of files, or sentences, for the progress bar


@dataclass
class _Part:
    """A block to be turned into ids: one that is filled, or a range of a plain file, still to be read."""

    block_no: int
    source: str  # for messages
    offset: int  # where it begins in its file
    block: Block | None = None
    file: TextFile | None = None
    end: int = 0  # where it ends in `file`


class _Crew:
    """The workers, and what they share with the thread that feeds them."""

    def __init__(self, counters: list[WordCounter], learn: bool, store: IdStore) -> None:
        self.counters = counters
        self.learn = learn
        self.store = store
        self.n_blocks = 0
        self.totals = ReadTotals()
        self.errors: dict[int, BaseException] = {}  # by block_no
        self.last_wanted = sys.maxsize  # blocks after this one need not be counted any more
        self.lock = threading.Lock()
        self.parts: queue.Queue[_Part | None] = queue.Queue(len(counters) + 1)
        self.free_blocks: queue.SimpleQueue[Block] = queue.SimpleQueue()

    def work(self, worker_no: int) -> None:
        """What a worker thread does: parts to ids until there are none."""
        own_block = Block()
        with _OpenFile() as opened:
            while (part := self.parts.get()) is not None:
                if part.block_no > self.last_wanted:
                    continue
                try:
                    if part.block is not None:
                        self._count(part, part.block, part.offset, worker_no)
                        self.free_blocks.put(part.block)
                    elif part.file is not None:
                        text_offset = _read_plain(part, part.file, opened.raw(part.file), own_block)
                        self._count(part, own_block, text_offset, worker_no)
                except BaseException as error:
                    self.fail(part.block_no, error)

    def _count(self, part: _Part, block: Block, text_offset: int, worker_no: int) -> None:
        try:
            n_words, n_lines = block.to_ids(self.counters[worker_no], self.learn)
        except NulByteError as error:
            raise ValueError(
                f"{part.source} holds a NUL byte at offset {text_offset + error.pos}, so it is not text: "
                "a corpus is plain UTF-8 (not UTF-16), or that as .gz, .bz2, .xz or .zst if its name ends so"
            ) from None
        self.store.put(part.block_no, worker_no, block.ids())
        with self.lock:
            self.totals.n_words += n_words
            self.totals.n_lines += n_lines
            if part.file is not None:
                self.totals.n_done += part.end - part.offset

    def fail(self, block_no: int, error: BaseException) -> None:
        """Take note of an error; the blocks before it are still counted, as they may hold an earlier one."""
        with self.lock:
            self.errors[block_no] = error
            self.last_wanted = min(self.last_wanted, block_no)

    def take_block(self) -> Block:
        """Return a block to be filled, used or new; the bounded queue of parts bounds how many there are."""
        with contextlib.suppress(queue.Empty):
            return self.free_blocks.get_nowait()
        return Block()


class _OpenFile:
    """The plain file that a worker reads, kept open from one block of it to the next."""

    def __init__(self) -> None:
        self._file: TextFile | None = None
        self._raw: FileIO | None = None

    def __enter__(self) -> _OpenFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._raw is not None:
            self._raw.close()

    def raw(self, file: TextFile) -> FileIO:
        """The unbuffered file, opened if it is not the same as last time."""
        if self._raw is None or self._file is not file:
            self.__exit__()
            self._raw, self._file = FileIO(file.path), file
        return self._raw


def read_blocks(
    source: Source,
    counters: list[WordCounter],
    learn: bool,
    store: IdStore,
    progress: Progress,
    block_bytes: int = BLOCK_BYTES,
) -> ReadTotals:
    """
    Turn a corpus into ids, with one thread for each counter.

    Parameters
    ----------
    source : list of TextFile, or SentenceSource
        What to read.
    counters : list of WordCounter
        One for each worker. If nothing is to be learnt, it may be the same one again and again.
    learn : bool
        Whether new words get ids and words are counted. Otherwise unknown words are left out.
    store : IdStore
        Gets the ids of all blocks; their owner is the place of the counter in `counters`.
    progress : Progress
        Is told the bytes of the files (compressed ones as they are), or the sentences, that are read.
    block_bytes : int
        About how much text makes a block.

    Returns
    -------
    ReadTotals

    Raises
    ------
    ValueError, TypeError, OSError, MemoryError, OverflowError
        What is wrong with the corpus.
    """
    ensure_threads(len(counters))
    crew = _Crew(counters, learn, store)
    threads = [
        threading.Thread(target=crew.work, args=(worker_no,), name=f"fastw2v-count-{worker_no}", daemon=True)
        for worker_no in range(len(counters))
    ]
    for thread in threads:
        thread.start()
    try:
        with contextlib.closing(_parts(source, crew, block_bytes)) as parts:
            for part in parts:
                if not _hand_over(crew, part, progress):
                    break
    except Exception as error:
        crew.fail(crew.n_blocks, error)
    except BaseException:  # Ctrl-C
        crew.last_wanted = -1
        raise
    finally:
        for _ in threads:
            _hand_over(crew, None, progress)
        for thread in threads:
            while thread.is_alive():
                thread.join(POLL_SECONDS)
                progress.advance_to(crew.totals.n_done)
    if crew.errors:
        raise crew.errors[min(crew.errors)]
    progress.advance_to(crew.totals.n_done)
    return crew.totals


def _hand_over(crew: _Crew, part: _Part | None, progress: Progress) -> bool:
    """Queue a part, or the news that there are no more; False if parts are not wanted because of an error."""
    while part is None or part.block_no <= crew.last_wanted:
        with contextlib.suppress(queue.Full):
            crew.parts.put(part, timeout=POLL_SECONDS)
            progress.advance_to(crew.totals.n_done)
            return True
    return False


def _parts(source: Source, crew: _Crew, block_bytes: int) -> Generator[_Part, None, None]:
    """Cut the corpus into parts, numbered in order."""
    if isinstance(source, SentenceSource):
        parts = _sentence_parts(source, crew, block_bytes)
    else:
        parts = _file_parts(source, crew, block_bytes)
    for part in parts:
        crew.n_blocks += 1
        yield part


def _sentence_parts(source: SentenceSource, crew: _Crew, block_bytes: int) -> Iterator[_Part]:
    block = crew.take_block()
    while block.fill_tokens(source, block_bytes):
        yield _Part(crew.n_blocks, "sentences", 0, block=block)
        crew.totals.n_done = source.n_sentences
        block = crew.take_block()


def _file_parts(files: list[TextFile], crew: _Crew, block_bytes: int) -> Iterator[_Part]:
    block_bytes = max(block_bytes, 4)  # the first block must hold a byte order mark and the byte behind it
    for file in files:
        name = f"corpus file {str(file.path)!r}"
        if file.is_plain:
            for begin in range(0, file.size, block_bytes):
                yield _Part(crew.n_blocks, name, begin, file=file, end=min(begin + block_bytes, file.size))
            continue
        with open_stream(file) as (stream, raw):
            n_told = 0
            for offset, block in _stream_blocks(stream, crew.take_block, block_bytes):
                yield _Part(crew.n_blocks, name, offset, block=block)
                if file.is_regular:
                    n_read = raw.tell()
                    with crew.lock:
                        crew.totals.n_done += n_read - n_told
                    n_told = n_read


def _stream_blocks(
    stream: Readable, take_block: Callable[[], Block], block_bytes: int
) -> Iterator[tuple[int, Block]]:
    """Cut a stream before white space into filled blocks, each with the offset of its text in the stream."""
    block, offset = take_block(), 0
    begin = end = 0  # of the text in the block; nothing before `searched` is white space
    while True:
        searched = end
        room = max(block_bytes, end)  # a word longer than a block doubles it
        end, at_end = _fill(stream, block, end, room)
        if offset == 0 and searched == 0:
            begin = _blank_byte_order_mark(block, end)
        if at_end:
            block.set_text(begin, end, end)
            block.end_last_line()
            yield offset, block
            return
        searched = max(
            searched, begin, 1
        )  # 1: the white space at which the block before was cut may come first
        cut = block.last_space(searched, end)
        if cut < searched:
            continue
        following = take_block()
        following.copy_tail(block, cut, end)
        block.set_text(begin, cut, cut)
        yield offset, block
        block, offset, begin, end = following, offset + cut, 0, end - cut


def _fill(stream: Readable, block: Block, begin: int, n_bytes: int) -> tuple[int, bool]:
    """Read `n_bytes`, if there are so many; returns where the text then ends, and whether the stream does."""
    view = block.room(begin, n_bytes)
    while view:
        n_read = stream.readinto(view)
        if not n_read:
            return begin + n_bytes - len(view), True
        view = view[n_read:]
    return begin + n_bytes, False


def _blank_byte_order_mark(block: Block, n_bytes: int) -> int:
    """Make white space of the mark at the start of a file, if there is one; returns where its text begins."""
    n_mark = len(BYTE_ORDER_MARK)
    if n_bytes < n_mark or block.text(0, n_mark) != BYTE_ORDER_MARK:
        return 0
    block.room(0, n_mark)[:] = b" " * n_mark
    return n_mark


def _read_plain(part: _Part, file: TextFile, raw: FileIO, block: Block) -> int:
    """Read a part of a plain file with its surroundings; returns where the text begins in the file."""
    text_offset = max(part.offset - 1, 0)  # the byte before tells whether a word goes on
    begin, own_end = part.offset - text_offset, part.end - text_offset
    raw.seek(text_offset)
    end, is_short = _fill(raw, block, 0, own_end)
    if part.offset == 0:
        begin = _blank_byte_order_mark(block, end)
    is_within_word = begin == 1 and block.first_space(0, end) == end
    if (
        not is_within_word and block.last_space(end - 1, end) < end - 1
    ):  # the last word goes on: read to its end
        room, space = 1 << 12, end
        while space == end and text_offset + end < file.size and not is_short:
            room = min(2 * room, file.size - text_offset - end)
            searched = end
            end, is_short = _fill(raw, block, end, room)
            space = block.first_space(searched, end)
        end = space
    if is_short:
        raise OSError(f"corpus file {str(file.path)!r} was cut short while it was being read")
    block.set_text(begin, own_end, end)
    if part.end == file.size:
        block.end_last_line()
    return text_offset
