#include "base/task.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "base/result.hpp"

using namespace nearend;

namespace {

/// Suspends until the test resumes it.
struct Gate {
  std::coroutine_handle<> waiting;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { waiting = handle; }
  void await_resume() {}
};

struct Mark {
  std::string& trace;
  char letter;
  ~Mark() { trace += letter; }
};

Task<Result<int>> half(int value) {
  if (value % 2) co_return fail(Error::Kind::invalid, "{} is odd", value);
  co_return value / 2;
}

Task<void> inner(Gate& gate, std::string& trace) {
  const Mark mark{trace, 'i'};
  co_await gate;
  trace += '1';
}

Task<void> outer(Gate& gate, std::string& trace) {
  const Mark mark{trace, 'o'};
  co_await inner(gate, trace);
  trace += '2';
}

Task<void> quarter(int value, Result<int>& out) {
  auto first = co_await half(value);
  if (!first) {
    out = pass(first);
    co_return;
  }
  out = co_await half(*first);
}

Result<int> run_quarter(int value) {
  Result<int> out = 0;
  const Task<void> task = quarter(value, out);
  task.handle().resume();
  return out;
}

}  // namespace

TEST_CASE("a task does nothing until it is awaited, then hands its value or error up") {
  CHECK(run_quarter(12) == 3);
  CHECK(run_quarter(6).error().text == "3 is odd");
  CHECK(run_quarter(5).error().kind == Error::Kind::invalid);
  CHECK(to_string(Error::Kind::not_found) == "not found");
}

TEST_CASE("an inner task's end resumes the outer one") {
  Gate gate;
  std::string trace;
  const Task<void> task = outer(gate, trace);
  CHECK_FALSE(gate.waiting);
  task.handle().resume();
  CHECK(trace.empty());
  gate.waiting.resume();
  CHECK(trace == "1i2o");
}

TEST_CASE("destroying a task destroys what it waits for, innermost first") {
  Gate gate;
  std::string trace;
  {
    Task<void> task = outer(gate, trace);
    task.handle().resume();
    Task<void> moved = std::move(task);
    CHECK(trace.empty());
  }
  CHECK(trace == "io");
  {
    const Task<void> never_begun = outer(gate, trace);
  }
  CHECK(trace == "io");
}
