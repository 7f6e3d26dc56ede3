// Starting and stopping jobs, and bringing them what they play.
#include <algorithm>
#include <filesystem>

#include "media/names.hpp"
#include "media/node_control.hpp"
#include "telemetry/log.hpp"

namespace nearend::media {

Result<std::vector<PlayItem>> NodeControl::make_items(const std::vector<Source>& sources) {
  std::vector<PlayItem> items;
  for (const Source& source : sources) {
    PlayItem item{.kind = source.kind, .length = source.length, .offset = source.offset, .loop = source.loop};
    if (source.kind == Source::Kind::speech)
      if (auto has = need("tts"); !has) return pass(has);
    if (source.kind == Source::Kind::tone) {
      auto tone = find_tone(source.value, settings_.tone_country);
      if (!tone) return pass(tone);
      item.tone = *tone;
    }
    if (source.kind == Source::Kind::digits) {
      item.digits = source.value;
      for (char c : item.digits)
        if (c != 'w' && c != 'W' && !rtp::event_of_digit(c))
          return fail(Error::Kind::invalid, "digits \"{}\": 0-9, A-D, #, *, w and W are possible", source.value);
    }
    if (item.needs_clip()) item.clip = loader_.cached(source);
    items.push_back(std::move(item));
  }
  return items;
}

void NodeControl::load_missing(AnchorId anchor, JobId job, const std::vector<Source>& sources,
                               const std::vector<PlayItem>& items) {
  for (size_t i = 0; i < items.size(); ++i)
    if (items[i].needs_clip() && !items[i].clip) loads_.spawn(load_one(anchor, job, i, sources[i]));
}

Task<void> NodeControl::load_one(AnchorId anchor, JobId job, size_t item, Source source) {
  auto clip = co_await loader_.load(std::move(source));
  command(anchor, [anchor, job, item, clip = std::move(clip)](Engine& engine, io::Instant) mutable {
    engine.supply(anchor, job, item, std::move(clip));
  });
}

Task<void> NodeControl::load_ahead(Source source) {
  auto clip = co_await loader_.load(std::move(source));
  if (!clip) telemetry::debug("media_prefetch_failed", {{"error", clip.error().text}});
}

void NodeControl::prefetch(std::string url) {
  Source source{.kind = Source::Kind::url, .value = std::move(url)};
  if (!loader_.cached(source)) loads_.spawn(load_ahead(std::move(source)));
}

Task<Result<JobId>> NodeControl::play(AnchorId anchor, PlayRequest request) {
  co_return play_now(anchor, std::move(request));
}

Result<JobId> NodeControl::play_now(AnchorId anchor, PlayRequest request) {
  auto held = find(anchor);
  if (!held) return pass(held);
  auto items = make_items(request.sources);
  if (!items) return pass(items);
  const auto begun = begin_job(JobKind::play);
  if (!begun) return begun;
  const JobId job = *begun;
  std::vector<PlayItem> kept = *items;
  auto player = std::make_unique<Player>(job, std::move(*items),
                                         PlayEnds{request.is_stopped_by_digit, request.is_yielding}, request.volume_db);
  command(anchor,
          [anchor, player = std::move(player), is_queued = request.is_queued](Engine& engine, io::Instant now) mutable {
            engine.play(anchor, std::move(player), is_queued, now);
          });
  load_missing(anchor, job, request.sources, kept);
  return job;
}

Task<Result<JobId>> NodeControl::collect(AnchorId anchor, CollectRequest request) {
  co_return collect_now(anchor, std::move(request));
}

Result<JobId> NodeControl::collect_now(AnchorId anchor, CollectRequest request) {
  auto held = find(anchor);
  if (!held) return pass(held);
  auto items = make_items(request.prompt.sources);
  if (!items) return pass(items);
  const auto begun = begin_job(JobKind::collect);
  if (!begun) return begun;
  const JobId job = *begun;
  std::vector<PlayItem> kept = *items;
  const std::vector<Source> sources = request.prompt.sources;
  command(anchor, [anchor, job, request = std::move(request), items = std::move(*items)](Engine& engine,
                                                                                         io::Instant now) mutable {
    engine.collect(anchor, job, request, std::move(items), now);
  });
  load_missing(anchor, job, sources, kept);
  return job;
}

Task<Result<JobId>> NodeControl::record(AnchorId anchor, RecordRequest request) {
  co_return record_now(anchor, std::move(request));
}

Result<JobId> NodeControl::record_now(AnchorId anchor, RecordRequest request) {
  auto held = find(anchor);
  if (!held) return pass(held);
  if (request.legs.empty()) request.legs.push_back(anchor);
  if (request.legs.size() > 2)
    return fail(Error::Kind::invalid, "legs: one or two can be recorded, not {}", request.legs.size());
  for (AnchorId leg : request.legs)
    if (auto known = find(leg); !known) return fail(Error::Kind::not_found, "legs: {}", known.error().text);
  if (request.format == FileFormat::matroska && request.is_silence_trimmed)
    return fail(Error::Kind::invalid, "is_silence_trimmed: not with format matroska, whose pictures go on");
  // File names are ids that we made (threat TH25).
  if (!is_plain_name(request.path_hint))
    return fail(Error::Kind::invalid, "path_hint \"{}\" is no id: letters, digits, - and _ are possible",
                request.path_hint);
  const auto begun = begin_job(JobKind::record);
  if (!begun) return begun;
  const JobId job = *begun;
  std::error_code error;
  std::filesystem::create_directories(settings_.recordings, error);
  for (AnchorId leg : request.legs) join(anchor, leg);
  std::string path = settings_.recordings + "/" + request.path_hint + "." + std::string(file_ending(request.format));
  command(anchor, [job, request = std::move(request), path = std::move(path)](Engine& engine, io::Instant now) {
    engine.record(job, request, path, now);
  });
  return job;
}

Task<Result<JobId>> NodeControl::tap(AnchorId anchor, TapRequest request) {
  co_return tap_now(anchor, request);
}

Result<JobId> NodeControl::tap_now(AnchorId anchor, TapRequest request) {
  auto held = find(anchor);
  if (!held) return pass(held);
  if (request.in.port == 0 && request.out.port == 0 && request.capture_bytes == 0)
    return fail(Error::Kind::invalid, "tap: one of 'in', 'out' and 'capture_bytes' is needed");
  for (const Endpoint& to : {request.in, request.out})
    if (to.address.is_multicast() || to.address == IpAddress::v4(0xffffffff))
      return fail(Error::Kind::refused, "tap: {} is a multicast or broadcast address", to.address.to_string());
  if (request.capture_bytes != 0)
    request.capture_bytes = std::clamp(request.capture_bytes, capture_bytes_min, capture_bytes_max);
  if ((*held)->taps.size() >= taps_max)
    return fail(Error::Kind::unavailable, "{} taps are at work on the leg already", taps_max);
  const JobId job = static_cast<JobId>(++last_job_);
  (*held)->taps.emplace_back(job, request.capture_bytes);
  command(anchor, [anchor, tap = std::make_unique<WireTap>(job, request, (*held)->info.streams)](
                      Engine& engine, io::Instant now) mutable { engine.tap(anchor, std::move(tap), now); });
  return job;
}

Task<Result<std::string>> NodeControl::capture(AnchorId anchor, JobId job) {
  auto held = find(anchor);
  if (!held) co_return pass(held);
  const auto found = std::ranges::find(held.value()->taps, job, &std::pair<JobId, uint32_t>::first);
  if (found == held.value()->taps.end() || found->second == 0)
    co_return fail(Error::Kind::not_found, "no tap {:x} keeps packets here", static_cast<uint64_t>(job));
  io::Reply<std::unique_ptr<PacketRing>> reply(loop_);
  auto fresh = std::make_unique<PacketRing>(found->second);
  command(anchor, [anchor, job, reply, &loop = loop_, fresh = std::move(fresh)](Engine& engine, io::Instant) mutable {
    loop.post([reply, ring = engine.capture(anchor, job, std::move(fresh))]() mutable { reply.set(std::move(ring)); });
  });
  const io::Instant deadline = loop_.now() + std::chrono::seconds(2);
  auto ring = co_await reply.wait(deadline);
  if (!ring) co_return fail(Error::Kind::timeout, "the media thread did not answer");
  if (!*ring) co_return fail(Error::Kind::not_found, "the tap is gone");
  co_return (*ring)->to_pcap();
}

Task<Result<JobId>> NodeControl::listen(AnchorId anchor, ListenRequest request) {
  auto held = find(anchor);
  if (!held) co_return pass(held);
  const auto begun = begin_job(JobKind::listen);
  if (!begun) co_return begun;
  const JobId job = *begun;
  command(anchor,
          [anchor, job, request](Engine& engine, io::Instant now) { engine.listen(anchor, job, request, now); });
  co_return job;
}

Task<Result<void>> NodeControl::change(AnchorId anchor, JobId job, JobChange change) {
  auto held = find(anchor);
  if (!held) co_return pass(held);
  command(anchor, [anchor, job, change](Engine& engine, io::Instant now) { engine.change(anchor, job, change, now); });
  co_return Result<void>{};
}

void NodeControl::stop(AnchorId anchor, JobId job) {
  if (stop_stream(job)) return;
  auto held = find(anchor);
  if (!held) return;
  std::erase_if((*held)->taps, [&](const auto& tap) { return tap.first == job; });
  command(anchor, [anchor, job](Engine& engine, io::Instant now) { engine.stop(anchor, job, now); });
}

}  // namespace nearend::media
