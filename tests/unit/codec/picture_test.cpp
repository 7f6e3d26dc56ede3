#include <doctest/doctest.h>

#include <algorithm>

#include "unit/codec/pictures.hpp"

using namespace nearend::codec;
using namespace nearend::codec::test;

namespace {

constexpr PictureKind kinds[] = {PictureKind::vp8, PictureKind::vp9, PictureKind::h264};

/// A camera of which packets may be lost or come in another order.
struct Camera {
  PictureKind kind;
  PictureFrames frames{kind};
  uint16_t sequence = 65'530;  // it wraps
  uint32_t number = 0;
  int64_t now_ms = 1000;
  std::vector<std::vector<uint8_t>> sent;
  std::vector<Picture> got;

  std::vector<PicturePacket> make(bool is_key, size_t size = 3000) {
    sent.push_back(make_frame(kind, is_key, number, size));
    return packets_of(kind, is_key, sent.back(), sequence, number++ * 3000, now_ms);
  }
  void give(std::vector<PicturePacket> packets) {
    for (auto& packet : packets) frames.add(std::move(packet));
  }
  void take(int64_t later_ms = 33) {
    now_ms += later_ms;
    frames.take(now_ms, false, got);
  }
};

}  // namespace

TEST_CASE("frames of each codec come out of their packets as they went in, whole and in order") {
  for (const PictureKind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    Camera camera{kind};
    CHECK(camera.frames.needs_key());
    for (int i = 0; i < 30; ++i) {
      camera.give(camera.make(i % 10 == 0, i % 3 == 0 ? 100 : 4000));
      camera.take();
    }
    CHECK(!camera.frames.needs_key());
    REQUIRE(camera.got.size() == 30);
    for (size_t i = 0; i < 30; ++i) {
      CHECK(camera.got[i].bytes == camera.sent[i]);
      CHECK(camera.got[i].is_key == (i % 10 == 0));
      CHECK(camera.got[i].position_us == (1000 + 33 * static_cast<int64_t>(i)) * 1000);
    }
    CHECK(camera.got[10].size == PictureSize{320, 240});
  }
}

TEST_CASE("packets out of order are put in order; what begins in the middle waits for a key frame") {
  for (const PictureKind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    Camera camera{kind};
    camera.give(camera.make(false));
    camera.take();
    CHECK(camera.got.empty());
    CHECK(camera.frames.needs_key());
    for (int i = 0; i < 6; ++i) {
      auto packets = camera.make(i == 0);
      std::ranges::reverse(packets);
      auto twice = packets;
      camera.give(packets);
      camera.give(std::move(twice));
      camera.take();
    }
    REQUIRE(camera.got.size() == 6);
    for (size_t i = 0; i < 6; ++i) CHECK(camera.got[i].bytes == camera.sent[i + 1]);
  }
}

TEST_CASE("behind a lost packet all is left out up to the next key frame") {
  for (const PictureKind kind : kinds) {
    for (size_t lost = 0; lost < 3; ++lost) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(lost);
      Camera camera{kind};
      for (int i = 0; i < 20; ++i) {
        auto packets = camera.make(i == 0 || i == 15);
        if (i == 5) packets.erase(packets.begin() + static_cast<ptrdiff_t>(std::min(lost, packets.size() - 1)));
        camera.give(std::move(packets));
        camera.take();
        if (i == 14) CHECK(camera.frames.needs_key());
      }
      CHECK(!camera.frames.needs_key());
      REQUIRE(camera.got.size() == 10);
      CHECK(camera.got[4].bytes == camera.sent[4]);
      CHECK(camera.got[5].bytes == camera.sent[15]);
      CHECK(camera.got[9].bytes == camera.sent[19]);
    }
  }
}

TEST_CASE("a packet that is late but in time is waited for, one that is later is not") {
  Camera camera{PictureKind::vp8};
  camera.give(camera.make(true));
  auto late = camera.make(false);
  auto held = std::move(late[1]);
  late.erase(late.begin() + 1);
  camera.give(std::move(late));
  camera.give(camera.make(false));
  camera.take();
  CHECK(camera.got.size() == 1);
  camera.give({held});
  camera.take();
  CHECK(camera.got.size() == 3);
}

TEST_CASE("parameter sets of H.264 make the configuration of a file") {
  Camera camera{PictureKind::h264};
  CHECK(camera.frames.configuration().empty());
  camera.give(camera.make(true));
  camera.take();
  const auto configuration = camera.frames.configuration();
  REQUIRE(configuration.size() == 11 + sequence_set.size() + picture_set.size());
  CHECK(configuration[0] == 1);
  CHECK(configuration[1] == 0x42);
  CHECK(configuration[3] == 0x1e);
  CHECK(configuration[7] == sequence_set.size());
  CHECK(h264_size(sequence_set) == PictureSize{320, 240});
  // Without them nobody could show the frame.
  Camera poor{PictureKind::h264};
  std::vector<uint8_t> frame;
  put_unit(frame, {0x65, 1, 2, 3});
  poor.give(packets_of(PictureKind::h264, true, frame, poor.sequence, 0, poor.now_ms));
  poor.take();
  CHECK(poor.got.empty());
  CHECK(poor.frames.needs_key());
}

TEST_CASE("several units of H.264 in one packet are taken apart, broken payloads lose their frame only") {
  Camera camera{PictureKind::h264};
  std::vector<uint8_t> stap{0x78, 0, static_cast<uint8_t>(sequence_set.size())};
  stap.insert(stap.end(), sequence_set.begin(), sequence_set.end());
  stap.insert(stap.end(), {0, static_cast<uint8_t>(picture_set.size())});
  stap.insert(stap.end(), picture_set.begin(), picture_set.end());
  stap.insert(stap.end(), {0, 3, 0x65, 7, 8});
  PicturePacket packet{.sequence = 1, .timestamp = 9000, .marker = true, .came_ms = 1000, .payload = stap};
  camera.frames.add(packet);
  camera.take();
  REQUIRE(camera.got.size() == 1);
  CHECK(camera.got[0].is_key);
  CHECK(camera.got[0].bytes.size() == 4 + sequence_set.size() + 4 + picture_set.size() + 4 + 3);
  packet.sequence = 2;
  packet.timestamp = 12000;
  packet.payload = {0x78, 0, 200, 1};  // longer than it is
  camera.frames.add(packet);
  camera.take();
  CHECK(camera.got.size() == 1);
  CHECK(camera.frames.needs_key());
}

TEST_CASE("payload descriptors of VP8 and VP9 are read with all that they may hold") {
  // RFC 7741 4.2: picture number of 15 bits, TL0PICIDX, TID and KEYIDX.
  const std::vector<uint8_t> vp8{0x90, 0xf0, 0x81, 0x02, 0x03, 0x44, 0x10, 1, 2};
  const auto plain = read_vp8(vp8);
  REQUIRE(plain);
  CHECK(plain->is_key);
  CHECK(plain->data.size() == 3);
  CHECK(!read_vp8(std::vector<uint8_t>{0x90, 0xf0, 0x81}));
  CHECK(!read_vp8(std::vector<uint8_t>{}));
  // RFC 9628 4.2: flexible, with two references, layers and a scalability structure of two layers and one group.
  const std::vector<uint8_t> vp9{0xff, 0x81, 0x01, 0x00, 0x03, 0x02, 0x38, 1, 64,  0,
                                 48,   2,    128,  0,    96,   1,    0x04, 9, 0x86};
  const auto layered = read_vp9(vp9);
  REQUIRE(layered);
  CHECK(layered->is_frame_start);
  CHECK(!layered->is_key);
  CHECK(layered->data.size() == 1);
  for (size_t size = 0; size + 1 < vp9.size(); ++size) CHECK(!read_vp9(std::span(vp9).first(size)));
}
