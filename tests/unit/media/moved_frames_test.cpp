#include "media/moved_frames.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "rtp/g711.hpp"

using namespace nearend;
using namespace nearend::media;

namespace {

const Codec ulaw{.kind = Codec::Kind::pcmu}, alaw{.kind = Codec::Kind::pcma};

std::vector<uint8_t> speech(uint8_t number) {
  std::vector<uint8_t> payload;
  for (int i = 0; i < 160; ++i) payload.push_back(static_cast<uint8_t>((number * 31 + i * 7) & 0xbf));
  return payload;
}

std::vector<uint8_t> as_alaw(std::vector<uint8_t> payload) {
  for (uint8_t& byte : payload) byte = rtp::alaw_of_ulaw(byte);
  return payload;
}

uint64_t print(uint8_t number) {
  return MovedFrames::print_of(&ulaw, speech(number));
}

}  // namespace

TEST_CASE("noise and silence are quiet and have no print, speech has one, the same in both laws") {
  std::vector<uint8_t> noise(160, 0xff);
  noise[7] = 0x7e;
  CHECK(MovedFrames::is_quiet(&ulaw, noise));
  CHECK(MovedFrames::is_quiet(&alaw, as_alaw(noise)));
  CHECK(MovedFrames::print_of(&ulaw, noise) == 0);
  CHECK_FALSE(MovedFrames::is_quiet(&ulaw, speech(1)));
  const auto in_alaw = as_alaw(speech(1));
  std::vector<uint8_t> and_back;
  for (uint8_t byte : in_alaw) and_back.push_back(rtp::ulaw_of_alaw(byte));
  CHECK(MovedFrames::print_of(&alaw, in_alaw) == MovedFrames::print_of(&ulaw, and_back));
  CHECK(print(1) != print(2));
}

TEST_CASE("what the old path has brought is a copy when the new one brings it; a tone's frames are not") {
  MovedFrames frames;
  for (uint8_t i = 1; i <= 5; ++i) frames.hear_old(print(i));
  CHECK(frames.is_copy(print(3)));
  CHECK_FALSE(frames.is_copy(print(6)));
  CHECK_FALSE(frames.is_copy(0));
  frames.hear_old(print(5));
  CHECK_FALSE(frames.is_copy(print(5)));
  CHECK(frames.lost() == 0);
}

TEST_CASE("a move to a faster path loses what was overtaken") {
  MovedFrames frames;
  frames.hear_old(print(1));
  for (uint8_t i = 6; i <= 9; ++i) frames.hear_new(print(i));
  for (uint8_t i = 2; i <= 9; ++i) frames.miss_old(print(i));
  CHECK(frames.lost() == 4);
}

TEST_CASE("a move to a slower path loses only what it does not bring later") {
  MovedFrames frames;
  frames.hear_old(print(1));
  for (uint8_t i = 2; i <= 8; ++i) frames.miss_old(print(i));
  CHECK(frames.lost() == 7);
  for (uint8_t i : {2, 3, 5}) frames.hear_new(print(i));
  CHECK(frames.lost() == 1);
  for (uint8_t i : {6, 7, 8}) frames.hear_new(print(i));
  CHECK(frames.lost() == 1);
}

TEST_CASE("what was heard in one move is a copy in the next, whichever path had brought it") {
  MovedFrames frames;
  frames.hear_old(print(1));
  frames.hear_new(print(2));
  frames.miss_old(print(3));
  MovedFrames next = frames.heard();
  next.hear_old(print(4));  // between the moves
  for (uint8_t number : {1, 2, 4}) CHECK(next.is_copy(print(number)));
  CHECK_FALSE(next.is_copy(print(3)));
  CHECK_FALSE(next.is_copy(print(5)));
  CHECK(next.lost() == 0);
}

TEST_CASE("only the last half second is remembered") {
  MovedFrames frames;
  for (uint8_t i = 1; i <= 40; ++i) frames.hear_old(print(i));
  CHECK_FALSE(frames.is_copy(print(1)));
  CHECK(frames.is_copy(print(40)));
}
