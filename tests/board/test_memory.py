import numpy as np
import pytest

from mlfpga.board import BoardWarning
from mlfpga.board.memory import CMA_BASE, PAGE, Memory


@pytest.fixture
def memory():
    return Memory(base=0x1000_0000, size=16 * PAGE)


def test_cpu_and_ddr_differ_until_flush_and_until_invalidate(memory):
    address = memory.allocate(8)
    memory.cpu(address, 8)[:] = 7
    assert not memory.ddr(address, 8).any()
    memory.flush(address, 8)
    assert (memory.ddr(address, 8) == 7).all()
    memory.ddr(address, 8)[:] = 9
    assert (memory.cpu(address, 8) == 7).all()
    memory.invalidate(address, 8)
    assert (memory.cpu(address, 8) == 9).all()


def test_flush_moves_no_more_than_asked(memory):
    address = memory.allocate(16)
    memory.cpu(address, 16)[:] = 1
    memory.flush(address + 4, 4)
    assert memory.ddr(address, 16).tolist() == [0] * 4 + [1] * 4 + [0] * 8


def test_buffers_never_overlap_and_freed_memory_is_whole_again():
    memory, random = Memory(base=0x1000_0000, size=64 * PAGE), np.random.default_rng(0)
    held: dict[int, int] = {}
    for _ in range(2000):
        if held and random.random() < 0.5:
            address = random.choice(list(held))
            memory.free(address)
            del held[address]
            continue
        nbytes = int(random.integers(1, 9 * PAGE))
        try:
            address = memory.allocate(nbytes)
        except MemoryError:
            continue
        assert address % PAGE == 0 and 0x1000_0000 <= address and address + nbytes <= 0x1000_0000 + 64 * PAGE
        for other, size in held.items():
            assert address + nbytes <= other or other + size <= address
        held[address] = nbytes
    for address in held:
        memory.free(address)
    assert memory.free_bytes == 64 * PAGE
    assert memory.allocate(64 * PAGE) == 0x1000_0000


def test_a_reused_buffer_is_zero_in_both_copies(memory):
    address = memory.allocate(8)
    memory.cpu(address, 8)[:] = 1
    memory.flush(address, 8)
    memory.free(address)
    assert memory.allocate(8) == address
    assert not memory.cpu(address, 8).any() and not memory.ddr(address, 8).any()


def test_full_memory_names_what_is_free_and_the_way_out(memory):
    memory.allocate(15 * PAGE)
    with pytest.raises(MemoryError) as error:
        memory.allocate(2 * PAGE)
    assert str(error.value) == (
        "no room for a buffer of 8,192 bytes: 4,096 of the 65,536 bytes of contiguous memory are free; free buffers "
        "that are no longer needed (buffer.freebuffer(), or del buffer)"
    )


def test_dma_beyond_a_buffer_warns_and_touches_nothing_outside_contiguous_memory(memory):
    address = memory.allocate(PAGE)
    with pytest.warns(BoardWarning, match="dma writes 8 bytes at 0x10000ffc, which are not inside one buffer"):
        memory.dma_write(address + PAGE - 4, np.full(8, 5, np.uint8), "dma")
    with pytest.warns(BoardWarning, match="belongs to Linux"):
        assert not memory.dma_read(0x2000_0000, 4, "dma").any()


def test_contiguous_memory_is_where_the_image_has_it():
    assert Memory().base == CMA_BASE == 0x77E0_0000 and Memory().size == 134_217_728


def test_where_the_logic_is_a_bus_master_a_buffer_that_is_not_cached_has_one_content(memory):
    shared, cached = memory.allocate(8), memory.allocate(8)
    memory.share(shared)
    memory.mastered = True
    for address in (shared, cached):
        memory.cpu(address, 2)[:] = 9
        memory.dma_write(address + 1, np.array([7], dtype=np.uint8), "the test")
    assert memory.dma_read(shared, 2, "the test").tolist() == memory.cpu(shared, 2).tolist() == [9, 7]
    assert memory.cpu(cached, 2).tolist() == [9, 9] and memory.ddr(cached, 2).tolist() == [0, 7]


def test_what_a_dma_wrote_into_a_shared_buffer_is_seen_when_the_program_knows_of_it(memory):
    address = memory.allocate(8)
    memory.share(address)
    memory.dma_write(address + 1, np.array([7], dtype=np.uint8), "the test")
    assert memory.cpu(address, 2).tolist() == [0, 0]
    memory.settle()
    assert memory.cpu(address, 2).tolist() == [0, 7]


def test_an_invalidate_takes_nothing_from_a_shared_buffer(memory):
    """On a board nothing is cached there: what the CPU wrote stays, what a DMA or a bus master wrote is seen."""
    shared, cached = memory.allocate(8), memory.allocate(8)
    memory.share(shared)
    for address in (shared, cached):
        memory.cpu(address, 8)[:] = 9
        memory.dma_write(address + 1, np.array([7], dtype=np.uint8), "the test")
        memory.invalidate(address, 8)
    assert memory.cpu(shared, 8).tolist() == [9, 7, 9, 9, 9, 9, 9, 9]
    assert memory.cpu(cached, 8).tolist() == [0, 7, 0, 0, 0, 0, 0, 0]


def test_a_flush_does_not_take_back_what_a_dma_wrote_into_a_shared_buffer(memory):
    address = memory.allocate(8)
    memory.share(address)
    memory.dma_write(address, np.array([7], dtype=np.uint8), "the test")
    memory.flush(address, 8)
    assert memory.cpu(address, 2).tolist() == memory.ddr(address, 2).tolist() == [7, 0]


def test_a_dma_reads_what_another_one_wrote_into_a_shared_buffer_not_the_old_content(memory):
    address = memory.allocate(8)
    memory.share(address)
    memory.dma_write(address, np.array([7], dtype=np.uint8), "the test")
    assert memory.dma_read(address, 2, "the test").tolist() == [7, 0]


def test_a_freed_buffer_takes_what_has_arrived_along(memory):
    address = memory.allocate(8)
    memory.share(address)
    memory.dma_write(address, np.array([7], dtype=np.uint8), "the test")
    memory.free(address)
    assert memory.allocate(8) == address
    memory.settle()
    assert memory.cpu(address, 1).tolist() == [0]


def test_bytes_of_several_buffers_side_by_side_are_all_allocated(memory):
    first, second = memory.allocate(100), memory.allocate(5000)
    assert memory.is_allocated(first + 4000, 200) and memory.is_allocated(first, 3 * PAGE)
    assert not memory.is_allocated(first, 3 * PAGE + 1) and not memory.is_allocated(first - 1, 2)
    memory.free(second)
    assert not memory.is_allocated(first + 4000, 200)
