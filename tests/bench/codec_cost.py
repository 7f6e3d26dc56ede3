"""What codecs and rooms cost, from bench_codec and a media node: (figure, holds) of each row."""
import media_room
import srtp_cost


def transcoding(best):
    """Bound: a call through the engine costs at most 1.15 times the codec's own work."""
    alone, call = best["opus_alone"], best["opus_call"]
    text = f"{call / alone:.3f} (20 ms of a call both ways: codec {alone / 1000:.1f} µs, engine {call / 1000:.1f} µs)"
    return text, call / alone <= 1.15


def mixing(best):
    """Bound: a member's frame, from G.711 to G.711, costs at most 0.8 µs in rooms of any size."""
    sizes = (3, 20, 100, 200)
    cost = {size: best[f"mix/{size}"] / size / 1000 for size in sizes}
    return ", ".join(f"{cost[size]:.2f} µs of {size}" for size in sizes), max(cost.values()) <= 0.8


def room(best, program):
    """A core's share for a room of 100 where all speak: real sockets, and what of that the engine is."""
    engine = best["room/100"] / 1e6 / 20 * 100
    share, heard = media_room.measure(program)
    text = f"{share:.1f} % with sockets, {100 * heard:.1f} % of the frames heard (engine alone {engine:.1f} %)"
    return text, share <= 25 and heard > 0.99


def measure(benches, program):
    best = srtp_cost.best_of(benches)
    return {"transcode": transcoding(best), "mix": mixing(best), "room": room(best, program)}
