#include "media/mixer.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace nearend::media;

namespace {

struct Room {
  Mixer mixer;
  std::vector<Mixer::Seat> seats;
  explicit Room(size_t count) {
    for (size_t i = 0; i < count; ++i) seats.push_back(mixer.enter());
  }
  /// One frame in which seat i says `values[i]` (nothing where 0); what each hears, by its first sample.
  std::vector<int> frame(const std::vector<int16_t>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      Mixer::Frame said;
      said.fill(values[i]);
      if (values[i] != 0) mixer.speak(seats[i], said);
    }
    mixer.mix();
    std::vector<int> heard;
    for (Mixer::Seat seat : seats) {
      Mixer::Frame out;
      mixer.hear(seat, out);
      CHECK(out.front() == out.back());
      heard.push_back(out.front());
    }
    mixer.end_frame();
    return heard;
  }
};
using Heard = std::vector<int>;

}  // namespace

TEST_CASE("everybody hears all others and not himself") {
  Room room(4);
  CHECK(room.frame({100, 20, 3, 0}) == Heard{23, 103, 120, 123});
  CHECK(room.frame({0, 0, 0, 7}) == Heard{7, 7, 7, 0});
  CHECK(room.frame({0, 0, 0, 0}) == Heard{0, 0, 0, 0});
}

TEST_CASE("loud rooms are clipped, and one's own voice is taken away before, not after") {
  Room room(3);
  CHECK(room.frame({30000, 30000, 30000}) == Heard{32767, 32767, 32767});
  CHECK(room.frame({30000, 30000, -30000}) == Heard{0, 0, 32767});
}

TEST_CASE("who is muted hears and is not heard, who is on hold does neither") {
  Room room(3);
  room.mixer.set_muted(room.seats[0], true);
  CHECK(room.frame({100, 20, 3}) == Heard{23, 3, 20});
  room.mixer.set_muted(room.seats[0], false);
  room.mixer.set_held(room.seats[1], true);
  CHECK(room.frame({100, 20, 3}) == Heard{3, 0, 100});
}

TEST_CASE("a coach hears the room and is heard by one alone") {
  Room room(4);
  room.mixer.set_coached(room.seats[3], room.seats[0]);
  CHECK(room.frame({100, 20, 3, 5}) == Heard{28, 103, 120, 123});
  room.mixer.set_muted(room.seats[3], true);
  CHECK(room.frame({100, 20, 3, 5}) == Heard{23, 103, 120, 123});
  room.mixer.set_muted(room.seats[3], false);
  room.mixer.leave(room.seats[0]);
  room.seats.erase(room.seats.begin());
  for (Mixer::Seat seat : {room.seats[0], room.seats[1]}) CHECK(seat != Mixer::no_seat);
  CHECK(room.frame({20, 3, 5}) == Heard{3, 20, 23});  // never to all
  room.mixer.set_coached(room.seats[2], Mixer::no_seat);
  CHECK(room.frame({20, 3, 5}) == Heard{8, 25, 23});
}

TEST_CASE("a beep is heard by all, over as many frames as it is long") {
  Room room(2);
  const std::vector<int16_t> beep(2 * Mixer::frame_samples, 50);
  room.mixer.announce(beep);
  CHECK(room.frame({1, 0}) == Heard{50, 51});
  CHECK(room.frame({0, 0}) == Heard{50, 50});
  CHECK(room.frame({0, 0}) == Heard{0, 0});
}

TEST_CASE("those who only listen share one frame") {
  Room room(5);
  Mixer::Frame said;
  said.fill(9);
  room.mixer.speak(room.seats[0], said);
  room.mixer.mix();
  Mixer::Frame out;
  CHECK_FALSE(room.mixer.hear(room.seats[0], out));
  for (size_t i = 1; i < 5; ++i) {
    CHECK(room.mixer.hear(room.seats[i], out));
    CHECK(out == room.mixer.common());
  }
}

TEST_CASE("the speaker is who is loudest, does not flicker, and ends with silence") {
  Room room(3);
  CHECK(room.mixer.speaker() == Mixer::no_seat);
  for (int i = 0; i < 20; ++i) room.frame({2000, 0, 50});
  CHECK(room.mixer.speaker() == room.seats[0]);
  CHECK(room.mixer.is_speaking(room.seats[0]));
  CHECK_FALSE(room.mixer.is_speaking(room.seats[2]));
  for (int i = 0; i < 20; ++i) room.frame({2000, 2600, 0});  // a little louder is not enough
  CHECK(room.mixer.speaker() == room.seats[0]);
  for (int i = 0; i < 20; ++i) room.frame({2000, 9000, 0});
  CHECK(room.mixer.speaker() == room.seats[1]);
  room.mixer.leave(room.seats[1]);
  CHECK(room.mixer.speaker() == Mixer::no_seat);
  room.seats.erase(room.seats.begin() + 1);
  for (int i = 0; i < 20; ++i) room.frame({0, 0});
  CHECK(room.mixer.speaker() == Mixer::no_seat);
}

TEST_CASE("seats are given again, and a room has a limit") {
  Room room(Mixer::members_max);
  CHECK(room.mixer.enter() == Mixer::no_seat);
  room.mixer.leave(room.seats[17]);
  room.mixer.leave(room.seats[17]);
  CHECK(room.mixer.count() == Mixer::members_max - 1);
  CHECK(room.mixer.enter() == room.seats[17]);
  CHECK(room.mixer.enter() == Mixer::no_seat);
}
