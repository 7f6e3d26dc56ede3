#include "call/control.hpp"

namespace nearend::call {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::completed:
      return "completed";
    case Outcome::busy:
      return "busy";
    case Outcome::no_answer:
      return "no-answer";
    case Outcome::failed:
      return "failed";
    case Outcome::canceled:
      return "canceled";
    case Outcome::answered:
      return "answered";
  }
  return "failed";
}

}  // namespace nearend::call
